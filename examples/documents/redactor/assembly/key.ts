/** Keys: by the prefixes that services give them, or because the text before calls them so. */

import { isDigit, isWord, Text } from "./text";

/** Prefixes, and how many characters must follow at least. */
const PREFIXES: string[] = [
  "sk-",
  "sk_",
  "pk_",
  "rk_",
  "AKIA",
  "ASIA",
  "ghp_",
  "gho_",
  "ghu_",
  "ghs_",
  "ghr_",
  "github_pat_",
  "glpat-",
  "xoxb-",
  "xoxp-",
  "xoxa-",
  "AIza",
];
const LEAST: i32[] = [16, 16, 16, 16, 16, 16, 20, 20, 20, 20, 20, 20, 16, 10, 10, 10, 30];

/** A value is a key when the word before its `=` or `:` ends in one of these. */
const NAMES: string[] = ["key", "token", "secret", "password"];
const LEAST_VALUE = 32;

/** Quotes and spaces that may stand around `=` and `:`. */
const MAX_PADDING = 4;

function skipBack(text: Text, from: i32): i32 {
  let at = from;
  for (let left = MAX_PADDING; left > 0; left--) {
    const character = text.at(at - 1);
    if (character !== 0x20 && character !== 0x22 && character !== 0x27 && character !== 0x60) break;
    at--;
  }
  return at;
}

/** Whether `key=`, `"token": ` or the like stands before `at`. */
function isNamed(text: Text, at: i32): bool {
  const sign = skipBack(text, at) - 1;
  if (text.at(sign) !== 0x3d && text.at(sign) !== 0x3a) return false;
  const end = skipBack(text, sign);
  for (let i = 0; i < NAMES.length; i++) {
    if (text.has(NAMES[i], end - NAMES[i].length, true)) return true;
  }
  return false;
}

/** The end of base64 (either alphabet), which hexadecimal is a part of. */
function valueEnd(text: Text, from: i32): i32 {
  let end = from;
  while (isWord(text.at(end)) || text.at(end) === 0x2b || text.at(end) === 0x2f) end++;
  for (let padding = 0; padding < 2 && text.at(end) === 0x3d; padding++) end++;
  return end;
}

function hasDigit(text: Text, from: i32, to: i32): bool {
  for (let at = from; at < to; at++) if (isDigit(text.at(at))) return true;
  return false;
}

/** The end of a key that starts at `at`; 0 when there is none. */
export function keyEnd(text: Text, at: i32): i32 {
  if (isWord(text.at(at - 1)) || !isWord(text.at(at))) return 0;
  if (isNamed(text, at)) {
    const end = valueEnd(text, at);
    if (end - at >= LEAST_VALUE && hasDigit(text, at, end)) return end;
  }
  const first = text.at(at);
  for (let i = 0; i < PREFIXES.length; i++) {
    if (unchecked(PREFIXES[i]).charCodeAt(0) !== first || !text.has(PREFIXES[i], at)) continue;
    let end = at + PREFIXES[i].length;
    while (isWord(text.at(end))) end++;
    // Words such as sk-learn-compatible-models have none.
    if (end - at >= PREFIXES[i].length + LEAST[i] && hasDigit(text, at, end)) return end;
  }
  return 0;
}
