/** An envelope to bytes. The payload is copied, never re-encoded. */

import { Buffer } from "node:buffer";
import type { Envelope, JsonMembers, JsonText, Route, Status } from "./envelope.ts";
import { encodeJson, writeMembers } from "./json.ts";

function routeJson(route: Route): JsonText {
  const members: [string, JsonText][] = [
    ["actors", JSON.stringify(route.actors)],
    ["current", String(route.current)],
  ];
  if (route.metadata !== undefined) members.push(["metadata", route.metadata]);
  return writeMembers([...members, ...route.extra]);
}

function statusJson(status: Status): JsonText {
  const members: [string, JsonText][] = [["attempt", String(status.attempt)]];
  if (status.firstAttemptAt !== undefined) {
    members.push(["first_attempt_at", JSON.stringify(status.firstAttemptAt)]);
  }
  return writeMembers([...members, ...status.extra]);
}

/** The members before the payload, and those behind it. */
function headMembers(e: Envelope): { before: [string, JsonText][]; after: [string, JsonText][] } {
  const before: [string, JsonText][] = [["id", JSON.stringify(e.id)]];
  if (e.parentId !== undefined) before.push(["parent_id", JSON.stringify(e.parentId)]);
  before.push(["route", routeJson(e.route)]);
  if (e.headers !== undefined) before.push(["headers", writeMembers(e.headers)]);
  const after: [string, JsonText][] = [];
  if (e.deadline !== undefined) after.push(["deadline", JSON.stringify(e.deadline)]);
  if (e.status !== undefined) after.push(["status", statusJson(e.status)]);
  after.push(...e.extra);
  return { before, after };
}

/** Text, bytes and text put together. */
export function wrapped(before: string, bytes: Uint8Array, after: string): Uint8Array {
  const length = Buffer.byteLength(before);
  const whole = Buffer.allocUnsafe(length + bytes.length + Buffer.byteLength(after));
  whole.write(before);
  whole.set(bytes, length);
  whole.write(after, length + bytes.length);
  return whole;
}

/**
 * The body for a queue: UTF-8 JSON, known members first, then the unknown ones.
 *
 * @example
 * ```ts
 * import { encodeEnvelope, parseEnvelope } from "@asya/envelope";
 * const text = '{"id":"e-1","route":{"actors":["prep"],"current":0},"payload":{"n": 1e400}}';
 * const again = encodeEnvelope(parseEnvelope(new TextEncoder().encode(text)));
 * if (new TextDecoder().decode(again) !== text) throw new Error("something changed");
 * ```
 */
export function encodeEnvelope(e: Envelope): Uint8Array {
  const { before, after } = headMembers(e);
  const start = `${writeMembers(before).slice(0, -1)},"payload":`;
  const end = after.length > 0 ? `,${writeMembers(after).slice(1)}` : "}";
  return wrapped(start, e.payload, end);
}

/**
 * The envelope without its payload, as the head of a version 2 call.
 *
 * @param extra members to add; each replaces one of the same name
 */
export function encodeHead(
  e: Envelope,
  extra: Readonly<Record<string, JsonText>> = {},
): Uint8Array {
  const { before, after } = headMembers(e);
  const members: JsonMembers = new Map([...before, ...after, ...Object.entries(extra)]);
  return encodeJson(writeMembers(members));
}
