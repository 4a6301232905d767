const BACKSLASH: u8 = 0x5c;

/**
 * A part of a JSON string as its characters mean, with the place of each in the JSON: patterns look
 * at characters, copying goes by places, so no escape and no UTF-8 sequence is ever cut.
 */
export class Text {
  /** Code points, or single surrogates where they are written as `\u` escapes. */
  private characters: StaticArray<u32>;
  private places: StaticArray<i32>;
  readonly length: i32;

  constructor(readonly json: Uint8Array, readonly start: i32, readonly end: i32) {
    const length = countOf(json, start, end);
    this.length = length;
    this.characters = new StaticArray<u32>(length);
    this.places = new StaticArray<i32>(length + 1);
    let at = start;
    for (let i = 0; i < length; i++) {
      const first = json[at];
      this.places[i] = at;
      if (isPlain(first)) {
        this.characters[i] = first;
        at++;
      } else {
        this.characters[i] = this.read(at);
        at += sizeAt(json, at);
      }
    }
    this.places[length] = end;
  }

  private read(place: i32): u32 {
    const first = this.json[place];
    const size = sizeAt(this.json, place);
    if (first === BACKSLASH) {
      return size === 6 ? this.hex(place + 2) : unescaped(this.json[place + 1]);
    }
    if (size === 1) return first;
    let character = (first as u32) & (0x7f >> size);
    for (let i = 1; i < size && place + i < this.end; i++) {
      character = (character << 6) | (this.json[place + i] & 0x3f);
    }
    return character;
  }

  private hex(from: i32): u32 {
    let value: u32 = 0;
    for (let at = from; at < from + 4; at++) {
      const digit = this.json[at];
      value = (value << 4) | (digit < 0x3a ? digit - 0x30 : (digit | 0x20) - 0x57);
    }
    return value;
  }

  /** The character at `index`; 0 before the beginning and after the end. */
  @inline
  at(index: i32): u32 {
    return index >= 0 && index < this.length ? unchecked(this.characters[index]) : 0;
  }

  /** Where the character at `index` begins in the JSON. */
  place(index: i32): i32 {
    return this.places[index];
  }

  /** Whether ASCII `word` stands at `index`; with `anyCase` the word is in small letters. */
  has(word: string, index: i32, anyCase: bool = false): bool {
    for (let i = 0; i < word.length; i++) {
      const character = this.at(index + i);
      const folded = anyCase && character >= 0x41 && character <= 0x5a;
      if ((folded ? character | 0x20 : character) !== (word.charCodeAt(i) as u32)) return false;
    }
    return true;
  }

  toString(): string {
    let text = "";
    for (let i = 0; i < this.length; i++) text += String.fromCodePoint(this.characters[i] as i32);
    return text;
  }
}

/** A character that is written as itself, in one byte. */
function isPlain(byte: u8): bool {
  return byte < 0x80 && byte !== BACKSLASH;
}

/** Bytes of the character at a place: of its escape, or in UTF-8. */
function sizeAt(json: Uint8Array, place: i32): i32 {
  const first = json[place];
  if (first === BACKSLASH) return json[place + 1] === 0x75 ? 6 : 2;
  return first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
}

function countOf(json: Uint8Array, start: i32, end: i32): i32 {
  let count = 0;
  for (let at = start; at < end; count++) at += isPlain(json[at]) ? 1 : sizeAt(json, at);
  return count;
}

/** What `\n` and the other short escapes mean. */
function unescaped(letter: u8): u32 {
  if (letter === 0x6e) return 0x0a;
  if (letter === 0x74) return 0x09;
  if (letter === 0x72) return 0x0d;
  if (letter === 0x62) return 0x08;
  if (letter === 0x66) return 0x0c;
  return letter;
}

export function isDigit(character: u32): bool {
  return character >= 0x30 && character <= 0x39;
}

/** Latin, Greek, Cyrillic, CJK and other letters; punctuation and symbols are none. */
export function isLetter(character: u32): bool {
  const folded = character | 0x20;
  if (character < 0x80) return folded >= 0x61 && folded <= 0x7a;
  if (character < 0xc0 || character === 0xd7 || character === 0xf7) return false;
  if (character >= 0x2000 && character < 0x2c00) return false;
  if (character >= 0x3000 && character < 0x3040) return false;
  return character < 0xd800 || (character >= 0xf900 && character < 0xff00);
}

/** What a word goes on with: a letter of any script, a digit, `_`. */
export function isPartOfWord(character: u32): bool {
  return isDigit(character) || isLetter(character) || character === 0x5f;
}

/** A letter of ASCII, a digit, `_` or `-`: what keys and identifiers are made of. */
export function isWord(character: u32): bool {
  if (character >= 0x80) return false;
  return isLetter(character) || isDigit(character) || character === 0x5f || character === 0x2d;
}
