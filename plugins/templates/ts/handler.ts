/** Counts the words of a text and finds the longest one. */

import type { Context } from "asya/typescript";

interface Input {
  readonly text?: unknown;
}

interface Summary {
  readonly text: string;
  readonly words: number;
  readonly longest: string;
}

/** Retry rules see the name. */
class ValueError extends Error {
  override readonly name = "ValueError";
}

function lengthOf(word: string): number {
  return [...word].length; // in characters
}

function summarize(text: string, minLength: number): Summary {
  const all = text.split(/[ \t\n\f\r]+/).filter((word) => word !== "");
  const words = all.filter((word) => lengthOf(word) >= minLength);
  let longest = "";
  for (const word of words) if (lengthOf(word) > lengthOf(longest)) longest = word;
  return { text, words: words.length, longest };
}

export default function handle(input: Input | null, context: Context): Summary {
  const text = input?.text;
  if (typeof text !== "string") throw new ValueError("text: a string is needed");
  const summary = summarize(text, Number(context.config["min_length"]) || 1);
  console.info(`${summary.words} words`);
  return summary;
}
