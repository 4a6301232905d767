/** The conformance handlers of README.md in JavaScript. */

import { writeSync } from "node:fs";
import process from "node:process";
import { setTimeout as pause } from "node:timers/promises";

if (process.env.CONFORMANCE_LOAD === "slow") await pause(2_500);
if (process.env.CONFORMANCE_LOAD === "broken") throw new Error("no such model");

let running = 0;
let most = 0;

export const echo = (payload) => payload;
export const wrap = (payload) => ({ was: payload });
export const fan = ({ n }) => Array.from({ length: n }, (_, i) => ({ i }));
export const nothing = () => null;
export const unjson = () => ({ n: NaN });
export const big = ({ bytes }) => "x".repeat(bytes);

export function fail({ message }) {
  throw new RangeError(message);
}

export function crash(payload) {
  if (payload.crash) process.kill(process.pid, "SIGKILL"); // exit() ends no more than the call
  return payload;
}

export function hoard(payload) {
  return payload.hoard ? new ArrayBuffer(2 ** 50) : payload; // no address space holds it
}

export function noisy(payload) {
  console.log("a line\n\ud800 and \u4e16");
  writeSync(1, new Uint8Array([0xff, 0xfe, 0, 0, 0, 12, 0x84, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0]));
  console.error("more");
  return payload;
}

export async function nap({ ms }) {
  running++;
  most = Math.max(most, running);
  await pause(ms);
  running--;
  return { most };
}

export async function wait({ ms }, { signal }) {
  await pause(ms, undefined, { signal });
  return { waited: ms };
}

export async function* partials({ n, ms }) {
  for (let i = 0; i < n; i++) {
    yield { "asya.partial": { i } };
    await pause(ms);
  }
  yield { n };
}

export function meter(payload, context) {
  context.metric("tokens", payload.tokens, { model: "m" });
  return payload;
}

export function batch(payloads) {
  return payloads.map((item) => {
    if (item.raise) throw new RangeError(item.raise);
    if (item.fail) return new RangeError(item.fail);
    return { is: item, of: payloads.length };
  }).filter(() => !payloads.some((item) => item.short));
}

export function envelope(whole) {
  const { route, payload } = whole;
  const ahead = (route.current ?? 0) + 1;
  switch (payload.do) {
    case "same":
      return whole;
    case "nothing":
      return null;
    case "fail":
      throw new RangeError("failed in envelope mode");
    case "bare":
      return { payload: 1 };
    case "erase":
      route.actors.shift();
      return whole;
    case "fan":
      return [0, 1].map((i) => ({
        ...whole,
        payload: { i },
        route: { ...route, current: ahead },
      }));
    case "insert":
      route.actors.splice(ahead, 0, "extra");
      break;
    case "truncate":
      route.actors.length = ahead;
      break;
    case "rewrite":
      route.actors[0] = "other";
      break;
    case "header":
      whole.headers = { ...whole.headers, added: "yes" };
      break;
    case "replace":
      whole.payload = { new: 1 };
      break;
    case "keys":
      whole.payload = Object.keys(whole).toSorted();
  }
  route.current = ahead;
  return whole;
}
