/** The little of JSON that simple handlers read. The input is known to be valid. */

const QUOTE: i32 = 0x22;
const BACKSLASH: i32 = 0x5c;

function skipSpace(json: string, from: i32): i32 {
  let i = from;
  while (i < json.length && json.charCodeAt(i) <= 0x20) i++;
  return i;
}

/** The index behind the value that begins at `from`. */
function skipValue(json: string, from: i32): i32 {
  let depth = 0;
  let quoted = false;
  let i = from;
  for (; i < json.length; i++) {
    const unit = json.charCodeAt(i);
    if (quoted) {
      if (unit === BACKSLASH) i++;
      else if (unit === QUOTE) quoted = false;
    } else if (unit === QUOTE) {
      quoted = true;
    } else if (unit === 0x7b || unit === 0x5b) {
      depth++;
    } else if (unit === 0x7d || unit === 0x5d) {
      if (depth-- === 0) break;
    } else if (depth === 0 && (unit === 0x2c || unit === 0x3a)) {
      break;
    }
  }
  return min(i, json.length);
}

/** The raw JSON of an object's member; null where there is none. */
export function member(object: string, name: string): string | null {
  let i = skipSpace(object, 0);
  if (i >= object.length || object.charCodeAt(i) !== 0x7b) return null;
  while (++i < object.length) {
    let start = skipSpace(object, i);
    i = skipValue(object, start);
    if (i >= object.length || object.charCodeAt(i) !== 0x3a) return null;
    const found = stringOf(object.substring(start, i)) === name;
    start = skipSpace(object, i + 1);
    i = skipValue(object, start);
    if (found) return object.substring(start, i).trimEnd();
  }
  return null;
}

/** What a JSON string says; null where the value is no string. */
export function stringOf(value: string | null): string | null {
  if (value === null || value.length < 2 || value.charCodeAt(0) !== QUOTE) return null;
  let text = "";
  let plain = 1;
  let i = 1;
  for (; i < value.length; i++) {
    const unit = value.charCodeAt(i);
    if (unit === QUOTE) break;
    if (unit !== BACKSLASH) continue;
    text += value.substring(plain, i);
    const escape = value.charAt(++i);
    if (escape === "u") {
      text += String.fromCharCode(I32.parseInt(value.substring(i + 1, i + 5), 16));
      i += 4;
    } else {
      const at = "ntrbf".indexOf(escape);
      text += at < 0 ? escape : "\n\t\r\b\f".charAt(at);
    }
    plain = i + 1;
  }
  return text + value.substring(plain, i);
}
