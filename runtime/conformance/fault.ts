/** What a runtime did against the protocol: what was expected, and what came instead. */

/** Thrown by a case that fails. */
export class Fault extends Error {
  readonly code = "CONFORMANCE_FAULT";

  constructor(readonly expected: string, readonly came: string) {
    super(`expected ${expected}; came ${came}`);
    this.name = "Fault";
  }
}

/** @throws Fault unless `ok` */
export function expect(ok: boolean, expected: string, came: unknown): asserts ok {
  if (!ok) throw new Fault(expected, typeof came === "string" ? came : short(came));
}

/** @throws Fault unless both are the same JSON value; members of objects in any order */
export function expectSame(came: unknown, expected: unknown, what: string): void {
  if (canonical(came) !== canonical(expected)) {
    throw new Fault(`${what} ${short(expected)}`, short(came));
  }
}

/** A value in at most 300 characters. */
export function short(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 300 ? `${text.slice(0, 300)} ... (${text.length} characters)` : text;
}

function canonical(value: unknown): string {
  return JSON.stringify(
    value,
    (_, part) =>
      typeof part === "object" && part !== null && !Array.isArray(part)
        ? Object.fromEntries(Object.entries(part).sort(([a], [b]) => a < b ? -1 : 1))
        : part,
  ) ?? "undefined";
}
