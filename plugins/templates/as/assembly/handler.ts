/** Counts the words of a text and finds the longest one. */

import { config, fail, inputText, log, outputText, quote } from "asya";
import { member, stringOf } from "./json";

class Summary {
  words: i32 = 0;
  longest: string = "";
}

function isSpace(unit: i32): bool {
  return unit === 0x20 || unit === 0x09 || unit === 0x0a || unit === 0x0c || unit === 0x0d;
}

/** In characters: the second half of a pair does not count. */
function lengthOf(word: string): i32 {
  let length = 0;
  for (let i = 0; i < word.length; i++) {
    if ((word.charCodeAt(i) & 0xfc00) !== 0xdc00) length++;
  }
  return length;
}

function summarize(text: string, minLength: i32): Summary {
  const summary = new Summary();
  let most = 0;
  for (let i = 0; i < text.length; i++) {
    const start = i;
    while (i < text.length && !isSpace(text.charCodeAt(i))) i++;
    const word = text.substring(start, i);
    const length = lengthOf(word);
    if (length === 0 || length < minLength) continue;
    summary.words++;
    if (length > most) {
      most = length;
      summary.longest = word;
    }
  }
  return summary;
}

export function handle(): void {
  const raw = member(inputText(), "text");
  const text = stringOf(raw);
  if (text === null) return fail("text: a string is needed", "ValueError");
  const setting = config("min_length");
  const summary = summarize(text, setting === null ? 1 : <i32>parseInt(setting));
  log.info(`${summary.words} words`);
  outputText(`{"text":${raw!},"words":${summary.words},"longest":${quote(summary.longest)}}`);
}
