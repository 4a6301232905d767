/** Collects bytes in a buffer that is large enough from the start. */
export class Writer {
  private buffer: Uint8Array;
  private length: i32 = 0;

  constructor(capacity: i32) {
    this.buffer = new Uint8Array(capacity);
  }

  copy(from: Uint8Array, start: i32, end: i32): void {
    this.buffer.set(from.subarray(start, end), this.length);
    this.length += end - start;
  }

  /** Appends ASCII. */
  text(ascii: string): void {
    for (let i = 0; i < ascii.length; i++) this.buffer[this.length++] = ascii.charCodeAt(i) as u8;
  }

  bytes(): Uint8Array {
    return this.buffer.subarray(0, this.length);
  }
}
