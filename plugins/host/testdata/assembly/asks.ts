/** A guest that asks its host for everything that there is. */

import { http, inputText, metric, outputText, partial, state } from "asya";

/** So many partial results, and their number as a metric. */
export function report(): void {
  const steps = i32(parseInt(inputText()));
  for (let i = 0; i < steps; i++) partial(i.toString());
  metric("steps", steps);
  outputText(steps.toString());
}

/** How often it was called with this key. */
export function count(): void {
  const key = inputText();
  const before = state.get(key);
  const next = before === null ? 1 : i32(parseInt(String.UTF8.decode(before.buffer))) + 1;
  state.set(key, Uint8Array.wrap(String.UTF8.encode(next.toString())));
  outputText(next.toString());
}

/** Keeps so many bytes. */
export function fill(): void {
  const size = i32(parseInt(inputText()));
  state.set("all", new Uint8Array(size));
  outputText(size.toString());
}

/** Status and body behind a URL. */
export function fetch(): void {
  const reply = http("GET", inputText());
  outputText(reply.status.toString() + " " + String.UTF8.decode(reply.body.buffer));
}
