/** JSON values that keep the text of their numbers, compared with a list of where they differ. */

/** A number as it was written: parsing it to 64 bits would change some. */
export class JsonNumber {
  /** `text` is a number in JSON. */
  constructor(readonly text: string) {}
}

/** Any JSON value. */
export type JsonValue =
  | null
  | boolean
  | string
  | JsonNumber
  | readonly JsonValue[]
  | { readonly [name: string]: JsonValue };

/** Numbers as JSON has them: sign, whole part, fraction, exponent. */
export const NUMBER = /^(-?)(0|[1-9][0-9]*)(?:\.([0-9]+))?(?:[eE]([+-]?[0-9]+))?$/;

/** Reads JSON. @throws SyntaxError */
export function parseJson(json: string): JsonValue {
  type Reviver = (name: string, value: unknown, context: { source: string }) => unknown;
  const keepNumbers: Reviver = (_, value, { source }) =>
    typeof value === "number" ? new JsonNumber(source) : value;
  return JSON.parse(json, keepNumbers as Parameters<typeof JSON.parse>[1]);
}

/** The value as JSON, without spaces. */
export function printJson(value: JsonValue): string {
  if (value instanceof JsonNumber) return value.text;
  if (Array.isArray(value)) return `[${value.map(printJson).join(",")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  const members = Object.entries(value).map(([name, of]) =>
    `${JSON.stringify(name)}:${printJson(of)}`
  );
  return `{${members.join(",")}}`;
}

/** The same text for numbers of the same value: 1.50e1, 15 and 15.0. */
function canonical(text: string): string {
  const [, sign = "", whole = "", fraction = "", exponent = "0"] = NUMBER.exec(text) ?? [];
  const digits = (whole + fraction).replace(/^0+/, "");
  const significant = digits.replace(/0+$/, "");
  if (significant === "") return "0";
  const power = Number(exponent) - fraction.length + digits.length - significant.length;
  return `${sign}${significant}e${power}`;
}

const SHOWN = 200;

function shown(value: JsonValue | undefined): string {
  if (value === undefined) return "nothing";
  const json = printJson(value);
  return json.length > SHOWN ? `${json.slice(0, SHOWN)}… (${json.length} characters)` : json;
}

function isObject(value: JsonValue): value is { readonly [name: string]: JsonValue } {
  return typeof value === "object" && value !== null && !Array.isArray(value) &&
    !(value instanceof JsonNumber);
}

function member(path: string, name: string): string {
  return /^[A-Za-z_$][\w$]*$/.test(name) ? `${path}.${name}` : `${path}[${JSON.stringify(name)}]`;
}

/** Where two values differ. */
export interface Difference {
  /** Like `.items[2].name`; empty: the whole value. */
  readonly path: string;
  /** What was wanted, as JSON that may be cut. */
  readonly expected: string;
  /** What there is instead. */
  readonly actual: string;
}

/**
 * Compares two values. The order of members does not matter.
 *
 * @param exact whether numbers must be written the same
 */
export function* differences(
  expected: JsonValue | undefined,
  actual: JsonValue | undefined,
  exact: boolean,
  path = "",
): Generator<Difference> {
  if (expected !== undefined && actual !== undefined) {
    if (Array.isArray(expected) && Array.isArray(actual)) {
      for (let at = 0; at < Math.max(expected.length, actual.length); at++) {
        yield* differences(expected[at], actual[at], exact, `${path}[${at}]`);
      }
      return;
    }
    if (isObject(expected) && isObject(actual)) {
      for (const name of new Set([...Object.keys(expected), ...Object.keys(actual)])) {
        const of = (value: typeof expected) => Object.hasOwn(value, name) ? value[name] : undefined;
        yield* differences(of(expected), of(actual), exact, member(path, name));
      }
      return;
    }
    if (expected instanceof JsonNumber && actual instanceof JsonNumber) {
      if (expected.text === actual.text) return;
      if (!exact && canonical(expected.text) === canonical(actual.text)) return;
    } else if (expected === actual) return;
  }
  yield { path, expected: shown(expected), actual: shown(actual) };
}
