/**
 * Stacks of a script in the terms of the files that it was bundled from, where its last line holds a
 * source map (https://tc39.es/ecma426/).
 */

/** The name of the script in stacks. */
export const SCRIPT_NAME = "handler.js";

/** The name of our own code in the guest, which stacks leave out. */
export const PRELUDE_NAME = "asya:prelude";

/** A longer map is not read: it would take longer than the error is worth. */
const MAX_MAP_LENGTH = 2_000_000;

/** Frames that are kept. */
const MAX_FRAMES = 30;

const MAP_LINE = /\n\/\/# sourceMappingURL=data:application\/json;base64,([A-Za-z0-9+/=]+)\s*$/;
const PLACE = /\bhandler\.js:(\d+)(?::(\d+))?/g;
const DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

interface SourceMap {
  readonly sources: readonly string[];
  readonly mappings: string;
}

/** A script without its source map, and the map's text. */
export function splitScript(source: string): { code: string; map: string | undefined } {
  const start = source.lastIndexOf("\n//# sourceMappingURL=");
  const found = start < 0 ? null : MAP_LINE.exec(source.slice(start));
  return found
    ? { code: source.slice(0, start), map: found[1]! }
    : { code: source, map: undefined };
}

function parseMap(text: string): SourceMap | undefined {
  if (text.length > MAX_MAP_LENGTH) return undefined;
  try {
    const bytes = Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
    const { sources, mappings } = JSON.parse(new TextDecoder().decode(bytes));
    return Array.isArray(sources) && typeof mappings === "string"
      ? { sources, mappings }
      : undefined;
  } catch {
    return undefined; // a map that cannot be read leaves stacks as they are
  }
}

/** Base64 digits of 5 bits each, lowest first; the lowest bit of all is the sign. */
function numbers(segment: string): number[] {
  const values: number[] = [];
  let [value, shift] = [0, 0];
  for (const character of segment) {
    const digit = DIGITS.indexOf(character);
    value += (digit & 31) * 2 ** shift;
    shift += 5;
    if (digit & 32) continue;
    values.push(value % 2 === 1 ? -(value - 1) / 2 : value / 2);
    [value, shift] = [0, 0];
  }
  return values;
}

/** Where a piece of a line came from; it reaches to the next piece. */
interface Piece {
  /** Counted from 1, in the bundle. */
  readonly column: number;
  readonly place: string;
}

/** Reads the map once, whatever the stack holds: the guest may have written it. */
function piecesOf(map: SourceMap, wanted: ReadonlySet<number>): Map<number, Piece[]> {
  const found = new Map<number, Piece[]>();
  let [source, sourceLine, sourceColumn] = [0, 0, 0];
  for (const [index, segments] of map.mappings.split(";").entries()) {
    const pieces: Piece[] = [];
    let column = 1;
    for (const segment of segments === "" ? [] : segments.split(",")) {
      const [skip = 0, ...rest] = numbers(segment);
      column += skip;
      if (rest.length < 3) continue;
      source += rest[0]!;
      sourceLine += rest[1]!;
      sourceColumn += rest[2]!;
      if (!wanted.has(index + 1)) continue;
      pieces.push({
        column,
        place: `${map.sources[source]}:${sourceLine + 1}:${sourceColumn + 1}`,
      });
    }
    if (pieces.length > 0) found.set(index + 1, pieces);
  }
  return found;
}

/** The guest's stack, innermost frame first, one a line; undefined: none of its frames is left. */
export function readableStack(stack: string, map: string | undefined): string | undefined {
  const text = stack.split("\n").map((line) => line.trim())
    .filter((line) => line !== "" && !line.includes(PRELUDE_NAME))
    .slice(0, MAX_FRAMES).join("\n");
  const parsed = map === undefined ? undefined : parseMap(map);
  if (parsed === undefined) return text || undefined;
  const lines = new Set([...text.matchAll(PLACE)].map(([, line]) => Number(line)));
  const pieces = piecesOf(parsed, lines);
  const readable = text.replaceAll(PLACE, (place, line, column = "1") => {
    const inLine = pieces.get(Number(line)) ?? [];
    return (inLine.findLast((piece) => piece.column <= Number(column)) ?? inLine[0])?.place ??
      place;
  });
  return readable || undefined;
}
