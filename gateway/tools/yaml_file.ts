/** A YAML file that knows where each of its values stands, so that a mistake can be pointed at. */

import { type Document, isCollection, isMap, isNode, LineCounter, parseDocument } from "yaml";
import { rawNumber } from "../json.ts";

/** Where something is inside a document: keys and indices from the top. */
export type Path = readonly (string | number)[];

/** Integers stay exact: those that a double cannot hold keep their digits as JSON text. */
function exact(_key: unknown, value: unknown): unknown {
  if (typeof value !== "bigint") return value;
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : rawNumber(String(value));
}

/** One parsed file. */
export class YamlFile {
  readonly #lines = new LineCounter();
  readonly #document: Document;

  constructor(readonly name: string, text: string) {
    this.#document = parseDocument(text, {
      lineCounter: this.#lines,
      intAsBigInt: true,
      prettyErrors: false,
    });
  }

  /** Mistakes against YAML itself. */
  get syntaxProblems(): string[] {
    return this.#document.errors.map(({ pos, message }) => `${this.#at(pos[0])}: ${message}`);
  }

  /** The content as plain values; call it only without syntax problems. */
  get value(): unknown {
    return this.#document.toJS({ reviver: exact }) ?? {};
  }

  /** A problem with the value at a path, or with the nearest thing around it that exists. */
  problem(path: Path, message: string): string {
    for (let length = path.length; length >= 0; length--) {
      const node = length === 0
        ? this.#document.contents
        : this.#document.getIn(path.slice(0, length), true);
      if (isNode(node) && node.range) return `${this.#at(node.range[0])}: ${message}`;
    }
    return `${this.name}:1:1: ${message}`;
  }

  /** A problem with a key itself rather than with its value. */
  keyProblem(path: Path, key: string, message: string): string {
    const parent = path.length === 0 ? this.#document.contents : this.#document.getIn(path, true);
    if (isCollection(parent) && isMap(parent)) {
      const pair = parent.items.find((item) => isNode(item.key) && String(item.key) === key);
      if (pair && isNode(pair.key) && pair.key.range) {
        return `${this.#at(pair.key.range[0])}: ${message}`;
      }
    }
    return this.problem(path, message);
  }

  #at(offset: number): string {
    const { line, col } = this.#lines.linePos(offset);
    return `${this.name}:${line}:${col}`;
  }
}
