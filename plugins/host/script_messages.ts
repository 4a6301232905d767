/**
 * Reads what comes out of a guest. Our own code in there wrote it, but a script can change what that
 * code stands on (`Array.prototype.toJSON`), so nothing of it is taken on trust.
 */

import { PluginError, type PluginLogLevel } from "../plugin.ts";
import type { HttpRequest } from "./http.ts";
import type { Described } from "./script_prelude.ts";

const LEVELS: ReadonlySet<unknown> = new Set<PluginLogLevel>(["debug", "info", "warn", "error"]);

function check(condition: boolean): asserts condition {
  if (condition) return;
  throw new PluginError("guest_error", "the script changed built-ins that host calls need");
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isTexts(value: unknown): value is Record<string, string> {
  return isRecord(value) && Object.values(value).every((text) => typeof text === "string");
}

function readList(json: string): unknown[] {
  const list: unknown = JSON.parse(json);
  check(Array.isArray(list));
  return list;
}

/** Of `console`. */
export function readLog(json: string): { level: PluginLogLevel; line: string } {
  const [level, line] = readList(json);
  check(LEVELS.has(level) && typeof line === "string");
  return { level: level as PluginLogLevel, line };
}

/** Of `context.metric()`. */
export function readMetric(
  json: string,
): { name: string; value: number; labels: Record<string, string> } {
  const [name, value, labels] = readList(json);
  check(typeof name === "string" && typeof value === "number" && isTexts(labels));
  return { name, value, labels };
}

/** Of `context.state.get()` and `delete()`. */
export function readKey(json: string): string {
  const key: unknown = JSON.parse(json);
  check(typeof key === "string");
  return key;
}

/** Of `context.state.set()`; the value is JSON. */
export function readEntry(json: string): { key: string; value: string } {
  const [key, value] = readList(json);
  check(typeof key === "string" && typeof value === "string");
  return { key, value };
}

/** Of `context.http()`. */
export function readRequest(json: string): HttpRequest {
  const request: unknown = JSON.parse(json);
  check(isRecord(request));
  const { method, url, headers, body } = request;
  check(typeof method === "string" && typeof url === "string" && isTexts(headers));
  if (body === undefined) return { method, url, headers };
  check(typeof body === "string");
  return { method, url, headers, body: new TextEncoder().encode(body) };
}

/** Of something that was thrown. */
export function readDescribed(json: string): Described {
  const described: unknown = JSON.parse(json);
  if (!isRecord(described) || typeof described.message !== "string") {
    return { message: "an error that cannot be described" };
  }
  const { type, message, stack } = described;
  return {
    message,
    ...(typeof type === "string" ? { type } : {}),
    ...(typeof stack === "string" ? { stack } : {}),
  };
}
