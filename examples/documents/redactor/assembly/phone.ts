/** Phone numbers: groups of digits, told from dates, amounts and addresses by their sizes. */

import { isDigit, isPartOfWord, Text } from "./text";

const PLUS: u32 = 0x2b;
const ZERO: u32 = 0x30;
const MAX_GROUPS = 8;
/** The longest number that E.164 allows. */
const MAX_DIGITS = 15;

/** Space (also the unbreakable ones), hyphens, dot, slash, brackets. */
function isSeparator(character: u32): bool {
  return character === 0x20 || character === 0xa0 || character === 0x202f || character === 0x2d ||
    character === 0x2011 || character === 0x2e || character === 0x2f || character === 0x28 ||
    character === 0x29;
}

/** The next group of digits after at most three separators; -1 when there is none. */
function nextGroup(text: Text, from: i32): i32 {
  for (let at = from; at < from + 3; at++) {
    if (!isSeparator(text.at(at))) return -1;
    if (isDigit(text.at(at + 1))) return at + 1;
  }
  return -1;
}

/** Whether a number may start at `at`: not within a word, a date, an amount with a point. */
function mayStart(text: Text, at: i32): bool {
  const before = text.at(at - 1);
  if (isPartOfWord(before)) return false;
  return before === 0x20 || !isSeparator(before) || !isDigit(text.at(at - 2));
}

/** The end of a phone number that starts at `at`; 0 when there is none. */
export function phoneEnd(text: Text, at: i32): i32 {
  if (!mayStart(text, at)) return 0;
  let from = at;
  const international = text.at(at) === PLUS;
  if (international || text.at(at) === 0x28) from++;
  if (!isDigit(text.at(from))) return 0;
  const trunk = text.at(from) === ZERO && !text.has("000", from);
  let digits = 0;
  let firstSize = 0;
  let best = 0;
  for (let group = 1; group <= MAX_GROUPS; group++) {
    let end = from;
    while (isDigit(text.at(end)) && end - from <= MAX_DIGITS) end++;
    const size = end - from;
    digits += size;
    if (group === 1) firstSize = size;
    if (digits > MAX_DIGITS) return best;
    const after = text.at(end);
    if (!isPartOfWord(after) && after !== 0x40) {
      if (international) {
        if (digits >= 8) best = end;
      } else if (trunk) {
        // 030 1234567, (0171) 1234567, 01 23 45 67 89, 0044 20 7946 0958
        if (group >= 2 && firstSize >= 2 && digits >= 9 && digits <= 14) best = end;
      } else if (group >= 3 && firstSize <= 3 && size === 4) {
        // 555-123-4567, (555) 123 4567, 1 555 123 4567
        if (digits === 10 || (digits === 11 && firstSize === 1)) best = end;
      }
    }
    from = nextGroup(text, end);
    if (from < 0) return best;
  }
  return best;
}
