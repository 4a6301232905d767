/** Copies a text with what is private replaced. One pass; no character is looked at without bound. */

import { emailEnd, emailStart } from "./email";
import { keyEnd } from "./key";
import { phoneEnd } from "./phone";
import { isPartOfWord, Text } from "./text";
import { Writer } from "./writer";

/** How many of each were replaced. */
export class Count {
  email: i32 = 0;
  phone: i32 = 0;
  key: i32 = 0;
}

export function redact(text: Text, out: Writer, count: Count): void {
  /** All before this character is written. */
  let written = 0;
  let at = 0;
  let inWord = false;
  while (at < text.length) {
    // Nothing begins in the middle of a word; most of a text is that.
    const wasInWord = inWord;
    inWord = isPartOfWord(text.at(at));
    if (inWord && wasInWord) {
      at++;
      continue;
    }
    let start = at;
    let placeholder = "[key]";
    let end = keyEnd(text, at);
    if (end > 0) count.key++;
    else if ((end = phoneEnd(text, at)) > 0) {
      placeholder = "[phone]";
      count.phone++;
    } else if ((end = emailEnd(text, at)) > 0) {
      start = emailStart(text, at, written);
      if (start === at) end = 0;
      else {
        placeholder = "[e-mail]";
        count.email++;
      }
    }
    if (end > 0) {
      out.copy(text.json, text.place(written), text.place(start));
      out.text(placeholder);
      written = at = end;
    } else at++;
  }
  out.copy(text.json, text.place(written), text.end);
}
