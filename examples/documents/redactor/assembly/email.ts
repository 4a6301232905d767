/** E-mail addresses: found at their `@`, and read from there in both directions. */

import { isDigit, isLetter, Text } from "./text";

const AT: u32 = 0x40;
const DOT: u32 = 0x2e;
const HYPHEN: u32 = 0x2d;

function isLocal(character: u32): bool {
  if (isLetter(character) || isDigit(character)) return true;
  // ! # $ % & ' * + - . / = ? ^ _ ` { | } ~ are allowed; these are the ones that people use.
  return character === DOT || character === HYPHEN || character === 0x5f || character === 0x2b ||
    character === 0x25;
}

/** The end of the domain after the `@` at `at`; 0 when there is no `@` or no domain. */
export function emailEnd(text: Text, at: i32): i32 {
  if (text.at(at) !== AT) return 0;
  let best = 0;
  let labelStart = at + 1;
  let letters = true;
  for (let end = at + 1; end <= text.length; end++) {
    const character = text.at(end);
    if (isLetter(character)) continue;
    if (isDigit(character) || (character === HYPHEN && end > labelStart)) {
      letters = false;
      continue;
    }
    // A label ends here. The last one is at least two letters, and not the only one.
    const length = end - labelStart;
    if (labelStart > at + 1 && letters && length >= 2) best = end;
    if (length === 0 || character !== DOT) return best;
    labelStart = end + 1;
    letters = true;
  }
  return best;
}

/** The start of the name before the `@` at `at`, not before `least`; `at` when there is none. */
export function emailStart(text: Text, at: i32, least: i32): i32 {
  let start = at;
  while (start > least && isLocal(text.at(start - 1))) start--;
  while (start < at && text.at(start) === DOT) start++;
  return start;
}
