/** Handlers that the runtime's tests call. */

import { writeSync } from "node:fs";

export default function echo(payload) {
  return payload;
}

export { echo };
export const fan = ({ n }) => Array.from({ length: n }, (_, i) => ({ i }));
export const add = (payload) => Promise.resolve({ ...payload, added: true });
export const change = (payload) => {
  payload.seen = true;
  return payload;
};
export const seen = (_, { id, actor, attempt, deadline, signal }) => ({
  id,
  actor,
  attempt,
  deadline,
  aborted: signal.aborted,
});

export class PaymentError extends Error {}

/** Returns or throws what the payload names. */
export const odd = ({ kind }) => {
  switch (kind) {
    case "undefined":
      return undefined;
    case "null":
      return null;
    case "nan":
      return { items: [1, { when: NaN }] };
    case "rich":
      return {
        date: new Date(0),
        map: new Map([["a", 1]]),
        set: new Set([1]),
        bytes: new Uint8Array([1, 2, 3]),
        floats: new Float32Array([0.5]),
        big: 2n ** 70n,
      };
    case "throw":
      throw new PaymentError("no money", { cause: new TypeError("empty purse") });
    case "string":
      // deno-lint-ignore no-throw-literal
      throw "only words";
    case "abort":
      throw new DOMException("not now", "AbortError");
    case "memory":
      return new ArrayBuffer(2 ** 52);
    case "exit":
      return process.exit(3);
    case "print":
      console.log("a line\ud800");
      writeSync(1, new Uint8Array([0xff, 0, 0, 0]));
      return "printed";
    case "background":
      Promise.reject(new Error("nobody waits"));
      setTimeout(() => {
        throw new Error("later");
      });
      return new Promise((resolve) => setTimeout(() => resolve("alive"), 20));
  }
};

export function* count({ n }) {
  for (let i = 0; i < n; i++) yield { i };
  return n > 2 ? ["last"] : undefined;
}

export async function* talk({ n, fail }) {
  for (let i = 0; i < n; i++) {
    yield { "asya.partial": { token: i } };
    await Promise.resolve();
  }
  if (fail) throw new Error("lost the thread");
  yield { said: n };
}

export const meter = (payload, context) => {
  context.metric("tokens", payload.tokens, { model: "m" });
  context.partial({ half: true });
  return payload;
};

let running = 0;
let most = 0;
/** Waits `ms`, or until it is cancelled; answers how many ran at once. */
export const wait = async ({ ms }, { signal }) => {
  most = Math.max(most, ++running);
  try {
    await new Promise((resolve, reject) => {
      const timer = setTimeout(resolve, ms);
      signal.addEventListener("abort", () => {
        clearTimeout(timer);
        reject(signal.reason);
      });
    });
    return { most };
  } finally {
    running--;
  }
};
/** Says that it has begun, and hears no cancel. */
export const deaf = ({ ms }, context) => {
  context.partial("begun");
  return new Promise((resolve) => setTimeout(() => resolve("late"), ms));
};
export const block = async ({ ms }, context) => {
  context.partial("begun");
  await new Promise((resolve) => setTimeout(resolve, 10)); // lets that go out
  const end = performance.now() + ms;
  while (performance.now() < end);
  return "unblocked";
};

export class Counter {
  #calls = 0;
  constructor(step = 1) {
    this.step = step;
  }
  next() {
    return this.#calls += this.step;
  }
}

export class Needy {
  constructor(path, size) {
    this.where = [path, size];
  }
  next() {
    return this.where;
  }
}

export const tools = { shout: (text) => text.toUpperCase() };
export const number = 7;

export const route = (envelope) => {
  const { route, payload } = envelope;
  if (payload === "erase") route.actors[0] = "other";
  if (payload === "insert") route.actors.splice(route.current + 1, 0, "extra");
  route.current++;
  return envelope;
};

/** Items that say so fail, alone or all together. */
export const batch = async (payloads, contexts) => {
  if (payloads.length !== contexts.length) throw new Error("a context for each payload");
  await new Promise((resolve) => setTimeout(resolve, 5));
  if (payloads.some((item) => item.raise)) throw new Error("spoilt");
  if (payloads.some((item) => item.short)) return [];
  return payloads.map((item) => {
    if (item.fail) return new PaymentError(item.fail);
    if (item.reject) return Promise.reject(new TypeError(item.reject));
    return { is: item, of: payloads.length };
  });
};
