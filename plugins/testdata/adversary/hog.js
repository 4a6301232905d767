// A handler in JavaScript that keeps all that it makes.
const kept = [];
export default () => {
  for (;;) kept.push(new Uint8Array(10_000));
};
