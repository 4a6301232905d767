/**
 * A place in shared memory for one message from one thread to another. A thread that waits there
 * is awake several times sooner than one to which a message is posted.
 */

const STATE = 0;
const HEAD_BYTES = 1;
const CONTROL_BYTES = 8;

const EMPTY = 0;
const FULL = 1;
const LEAVE = 2;

/** What a message may take up, in bytes; memory that is never touched costs nothing. */
const CAPACITY = 512 * 1024;

/** What can be sent: JSON, and bytes beside it. */
export interface Parcel {
  readonly bodies: readonly Uint8Array[];
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** One end of it; who writes and who reads never change. */
export class Mailbox<Message extends Parcel> {
  readonly #control: Int32Array;
  readonly #data: Uint8Array;

  /** @param shared from {@linkcode Mailbox.memory} */
  constructor(shared: SharedArrayBuffer) {
    this.#control = new Int32Array(shared, 0, CONTROL_BYTES / 4);
    this.#data = new Uint8Array(shared, CONTROL_BYTES);
  }

  /** Memory for both ends. */
  static memory(): SharedArrayBuffer {
    return new SharedArrayBuffer(CONTROL_BYTES + CAPACITY);
  }

  /** Writer: `false` when the message is too large, or the one before is still there. */
  put({ bodies, ...rest }: Message): boolean {
    if (Atomics.load(this.#control, STATE) !== EMPTY) return false;
    const lengths = bodies.map(({ length }) => length);
    const head = encoder.encode(JSON.stringify({ ...rest, lengths }));
    if (lengths.reduce((sum, length) => sum + length, head.length) > CAPACITY) return false;
    this.#data.set(head);
    let end = head.length;
    for (const body of bodies) {
      this.#data.set(body, end);
      end += body.length;
    }
    this.#control[HEAD_BYTES] = head.length;
    this.#become(FULL);
    return true;
  }

  /** Writer: has the reader's {@linkcode wait} return with nothing. */
  sendAway(): void {
    this.#become(LEAVE);
  }

  /** Reader: the message; `undefined` when there is none. */
  take(): Message | undefined {
    const state = Atomics.load(this.#control, STATE);
    if (state === EMPTY) return undefined;
    const message = state === FULL ? this.#read() : undefined;
    // Stays what it is when the reader has been sent away meanwhile.
    Atomics.compareExchange(this.#control, STATE, state, EMPTY);
    return message;
  }

  /** Reader: blocks until there is a message; `undefined` when it is to leave. */
  wait(): Message | undefined {
    // A writer that lost the processor may notify when its message was taken long ago.
    while (Atomics.load(this.#control, STATE) === EMPTY) {
      Atomics.wait(this.#control, STATE, EMPTY);
    }
    return this.take();
  }

  /** Reader: resolves when {@linkcode take} is worth a try. */
  async filled(): Promise<void> {
    await Atomics.waitAsync(this.#control, STATE, EMPTY).value;
  }

  #become(state: number): void {
    Atomics.store(this.#control, STATE, state);
    Atomics.notify(this.#control, STATE);
  }

  /** Copies: what is shared can be neither decoded nor handed on. */
  #read(): Message {
    let end = this.#control[HEAD_BYTES]!;
    const { lengths, ...rest } = JSON.parse(decoder.decode(this.#data.slice(0, end)));
    const bodies = lengths.map((length: number) => this.#data.slice(end, end += length));
    return { ...rest, bodies };
  }
}
