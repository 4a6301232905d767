/** The languages whose code a folder brings along, told apart by the form of a handler's name. */

import { interpreterOf } from "@asya/manifest";

/** What an actor's handler is written in; `javascript` is TypeScript too. */
export type Language = "python" | "javascript";

const SOURCES: Readonly<Record<Language, RegExp>> = {
  python: /\.py$/,
  javascript: /\.[cm]?[jt]sx?$/,
};

/** Endings of files that are of another language, or nobody's business. */
const LEFT = /\.(py[co]?|[cm]?[jt]sx?|wasm|wat|go|rs|so|pem|key|p12|pfx)$/;

/** What a handler is written in. */
export function languageOf(handler: string): Language {
  return interpreterOf(handler, "") === "python" ? "python" : "javascript";
}

/** Whether a file is the language's own source. */
export function isSource(name: string, language: Language): boolean {
  return SOURCES[language].test(name);
}

/** Whether a file is source of the language, or data that a program may read. */
export function comesAlong(name: string, language: Language): boolean {
  return isSource(name, language) || !LEFT.test(name);
}
