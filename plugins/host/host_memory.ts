/**
 * Memory through which the main thread answers a worker that waits.
 *
 * The worker takes a number, posts its request with it, and waits until ANSWERED is that number.
 * - Its call may be interrupted at any moment: before it posts, while it waits, while it reads. The
 *   answer then finds nobody, or a reader of a later number, who goes on waiting.
 * - The main thread answers each request once at most, and none any more after it received a later
 *   one. Messages keep their order, so nothing is written between an answer and the worker's next
 *   request: what a worker reads does not change under it.
 * - Numbers come from the memory itself and never start again.
 */

import { PluginError } from "../plugin.ts";
import type { HttpReply } from "./http.ts";
import { type PlainError, plainError } from "./protocol.ts";

const ASKED = 0;
const ANSWERED = 1;
const HEAD_LENGTH = 2;
const BODY_LENGTH = 3;

const CONTROL_BYTES = 16;

/** Room for what is not a body, in bytes: headers of a reply as JSON, an error. */
const HEAD_BYTES = 131_072;

/** Size of a new memory; an error always fits. */
const FIRST_BYTES = 65_536;

/** Longest message of an error, in characters. */
const MAX_MESSAGE = 8_192;

/** What the main thread says; the body is beside it. */
export interface Answer {
  /** It went wrong, and nothing else counts. */
  readonly error?: PlainError;
  /** A reply of HTTP. */
  readonly reply?: Omit<HttpReply, "body">;
  /** A reply's body, or a value of state; absent: there is none. */
  readonly body?: Uint8Array<ArrayBuffer> | undefined;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** An answer that says what went wrong. */
export function refusal(error: unknown): Answer {
  const plain = plainError(error);
  return { error: { ...plain, message: plain.message.slice(0, MAX_MESSAGE) } };
}

/**
 * Makes the memory of one worker.
 *
 * @param maxBodyBytes largest answer: of a reply, or of a value of state if that may be larger
 */
export function newHostMemory(maxBodyBytes: number): SharedArrayBuffer {
  const maxByteLength = Math.max(FIRST_BYTES, CONTROL_BYTES + HEAD_BYTES + maxBodyBytes);
  return new SharedArrayBuffer(FIRST_BYTES, { maxByteLength });
}

/** Both ends of it; one object at each. */
export class HostMemory {
  readonly #shared: SharedArrayBuffer;
  readonly #control: Int32Array;
  /** Grows with the memory. */
  readonly #data: Uint8Array;

  /** @param shared from {@linkcode newHostMemory} */
  constructor(shared: SharedArrayBuffer) {
    this.#shared = shared;
    this.#control = new Int32Array(shared, 0, CONTROL_BYTES / 4);
    this.#data = new Uint8Array(shared, CONTROL_BYTES);
  }

  /** Worker: a number for the next request. */
  ask(): number {
    return Atomics.add(this.#control, ASKED, 1) + 1 | 0;
  }

  /** Number of the newest answer. */
  get answered(): number {
    return Atomics.load(this.#control, ANSWERED);
  }

  /**
   * Worker: waits for the answer to its newest request. Nothing but the time limit of the call ends
   * this before.
   *
   * @throws PluginError as the main thread has said
   */
  wait(seq: number): Omit<Answer, "error"> {
    for (let answered = this.answered; answered !== seq; answered = this.answered) {
      Atomics.wait(this.#control, ANSWERED, answered);
    }
    const headEnd = this.#control[HEAD_LENGTH]!;
    const bodyLength = this.#control[BODY_LENGTH]!;
    // copies: what is shared can be neither decoded nor handed to a guest
    const head = JSON.parse(decoder.decode(this.#data.slice(0, headEnd)));
    if (head.error) {
      const { code, message, type } = head.error;
      throw new PluginError(code, message, { type });
    }
    if (bodyLength < 0) return head;
    return { ...head, body: this.#data.slice(headEnd, headEnd + bodyLength) };
  }

  /** Main thread: answers, with an error in place of what does not fit. */
  answer(seq: number, { body, ...rest }: Answer): void {
    const head = encoder.encode(JSON.stringify(rest));
    const needed = CONTROL_BYTES + head.length + (body?.length ?? 0);
    if (needed > this.#shared.maxByteLength) {
      const error = new PluginError("host_limit", `a reply of ${needed} bytes is too large`);
      return this.answer(seq, refusal(error));
    }
    if (needed > this.#shared.byteLength) {
      const doubled = Math.max(needed, this.#shared.byteLength * 2);
      this.#shared.grow(Math.min(doubled, this.#shared.maxByteLength));
    }
    this.#data.set(head);
    if (body) this.#data.set(body, head.length);
    this.#control[HEAD_LENGTH] = head.length;
    this.#control[BODY_LENGTH] = body?.length ?? -1;
    Atomics.store(this.#control, ANSWERED, seq);
    Atomics.notify(this.#control, ANSWERED);
  }
}
