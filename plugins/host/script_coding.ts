/**
 * `TextEncoder`, `TextDecoder`, `btoa`, `atob` for a script that names them: evaluating this takes
 * longer than many a call. Like `script_globals.ts` it may use nothing but the language itself.
 */

/** Whether a script needs them. */
export function needsCoding(script: string): boolean {
  return /\b(?:TextEncoder|TextDecoder|btoa|atob)\b/.test(script);
}

/** Evaluated in the guest. */
export function installCoding(global: Record<string, unknown>): void {
  const { fromCharCode } = String;

  function define(name: string, value: unknown): void {
    Object.defineProperty(global, name, { value, configurable: true, writable: true });
  }

  function toUtf8(text: string): Uint8Array {
    const bytes = new Uint8Array(text.length * 3);
    let at = 0;
    for (const character of text) {
      let code = character.codePointAt(0)!;
      if (code >= 0xd800 && code <= 0xdfff) code = 0xfffd;
      if (code < 0x80) {
        bytes[at++] = code;
      } else if (code < 0x800) {
        bytes[at++] = 0xc0 | code >> 6;
        bytes[at++] = 0x80 | code & 63;
      } else if (code < 0x10000) {
        bytes[at++] = 0xe0 | code >> 12;
        bytes[at++] = 0x80 | code >> 6 & 63;
        bytes[at++] = 0x80 | code & 63;
      } else {
        bytes[at++] = 0xf0 | code >> 18;
        bytes[at++] = 0x80 | code >> 12 & 63;
        bytes[at++] = 0x80 | code >> 6 & 63;
        bytes[at++] = 0x80 | code & 63;
      }
    }
    return bytes.slice(0, at);
  }

  /** @returns the character at `at` and its length; -1: these bytes are none */
  function characterAt(bytes: Uint8Array, at: number): [code: number, length: number] {
    const first = bytes[at]!;
    if (first < 0x80) return [first, 1];
    const length = first >= 0xf0 && first < 0xf5 ? 4 : first >= 0xe0 ? 3 : first >= 0xc2 ? 2 : 0;
    if (length === 0 || first >= 0xf5) return [-1, 1];
    const least = [0, 0, 0x80, 0x800, 0x10000][length]!;
    let code = first & (0xff >> (length + 1));
    for (let i = 1; i < length; i++) {
      const next = bytes[at + i];
      if (next === undefined || (next & 0xc0) !== 0x80) return [-1, i];
      code = code << 6 | next & 63;
      // Where the second byte rules the character out, the next one may begin behind the first.
      const lowest = code << 6 * (length - 1 - i);
      const highest = lowest | (1 << 6 * (length - 1 - i)) - 1;
      const surrogate = lowest >= 0xd800 && highest <= 0xdfff;
      if (i === 1 && (highest < least || lowest > 0x10ffff || surrogate)) return [-1, 1];
    }
    return [code, length];
  }

  function fromUtf8(bytes: Uint8Array, fatal: boolean): string {
    const parts: string[] = [];
    let part = "";
    for (let at = 0; at < bytes.length;) {
      const [code, length] = characterAt(bytes, at);
      if (code < 0 && fatal) throw new TypeError("the bytes are not UTF-8");
      if (code >= 0 || !fatal) part += String.fromCodePoint(code < 0 ? 0xfffd : code);
      if (part.length > 4096) part = (parts.push(part), "");
      at += length;
    }
    return parts.join("") + part;
  }

  function bytesOf(source: unknown): Uint8Array {
    if (source === undefined) return new Uint8Array();
    if (source instanceof ArrayBuffer) return new Uint8Array(source);
    if (!ArrayBuffer.isView(source)) {
      throw new TypeError("decode() takes a buffer or a view of one");
    }
    return new Uint8Array(source.buffer, source.byteOffset, source.byteLength);
  }

  define(
    "TextEncoder",
    class TextEncoder {
      readonly encoding = "utf-8";
      encode(text: unknown = ""): Uint8Array {
        return toUtf8(String(text));
      }
    },
  );
  define(
    "TextDecoder",
    class TextDecoder {
      readonly encoding = "utf-8";
      readonly fatal: boolean;
      readonly ignoreBOM: boolean;
      constructor(label = "utf-8", options: TextDecoderOptions = {}) {
        if (!/^\s*(utf-?8|unicode-1-1-utf-8)\s*$/i.test(label)) {
          throw new RangeError(`TextDecoder: only utf-8 is here, not ${label}`);
        }
        this.fatal = options.fatal ?? false;
        this.ignoreBOM = options.ignoreBOM ?? false;
      }
      decode(source?: unknown): string {
        const text = fromUtf8(bytesOf(source), this.fatal);
        return !this.ignoreBOM && text.startsWith("\ufeff") ? text.slice(1) : text;
      }
    },
  );

  const digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  define("btoa", (value: unknown): string => {
    const text = String(value);
    const parts: string[] = [];
    for (let at = 0; at < text.length; at += 3) {
      const [a, b, c] = [0, 1, 2].map((i) => text.charCodeAt(at + i));
      if (a! > 255 || b! > 255 || c! > 255) {
        throw new RangeError("btoa() takes characters up to U+00FF");
      }
      const bits = a! << 16 | b! << 8 | c!; // NaN, behind the end, is 0 here
      const quad = [18, 12, 6, 0].map((shift) => digits[bits >> shift & 63]).join("");
      const length = Math.min(4, text.length - at + 1);
      parts.push(quad.slice(0, length).padEnd(4, "="));
    }
    return parts.join("");
  });
  define("atob", (value: unknown): string => {
    let text = String(value).replace(/[\t\n\f\r ]/g, "");
    if (text.length % 4 === 0) text = text.replace(/==?$/, "");
    if (text.length % 4 === 1 || /[^A-Za-z0-9+/]/.test(text)) {
      throw new RangeError("atob() takes base64");
    }
    const parts: string[] = [];
    for (let at = 0; at < text.length; at += 4) {
      const quad = text.slice(at, at + 4);
      let bits = 0;
      for (let i = 0; i < 4; i++) {
        bits = bits << 6 | Math.max(0, digits.indexOf(quad.charAt(i) || "A"));
      }
      parts.push(fromCharCode(bits >> 16, bits >> 8 & 255, bits & 255).slice(0, quad.length - 1));
    }
    return parts.join("");
  });
}
