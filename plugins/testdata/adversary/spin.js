// A handler in JavaScript that never ends, whatever stops it.
export default () => {
  for (;;) {
    try {
      for (;;);
    } catch {
      // and so on
    } finally {
      for (;;);
    }
  }
};
