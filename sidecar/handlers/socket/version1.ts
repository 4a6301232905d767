/**
 * Version 1: a 4-byte length and a JSON text each way, one connection a message, one message at a
 * time. There is no cancel: a call that nobody wants any more still has to end before the next.
 */

import { encodeEnvelope, parseAnswer } from "@asya/envelope";
import { Alarm } from "../alarm.ts";
import { checked, MAX_FRAMES } from "../answers.ts";
import {
  type HandlerAnswer,
  type HandlerCall,
  HandlerError,
  HandlerGone,
  type HandlerSink,
  HandlerTimeout,
} from "../handler.ts";
import { cancelled, limited, settles } from "../limit.ts";
import { removeReadyFile } from "./ready_file.ts";
import type { Session, SessionOptions } from "./session.ts";
import { Slots } from "./slots.ts";
import { closeQuietly, connect, messageOf, tooLarge, writeAll } from "./stream.ts";
import { GATHER_BYTES } from "./wire.ts";

const LENGTH_BYTES = 4;
const BUFFER_BYTES = 64 * 1024;

/** Calls a version 1 runtime. */
export class Version1 implements Session {
  readonly version = 1;
  readonly concurrency = 1;
  readonly #slot = new Slots(1);
  readonly #alarm = new Alarm();
  #conn: Deno.Conn | undefined;
  /** A cancelled call that has not ended. */
  #unwanted = false;
  #over: HandlerGone | undefined;
  #closing = false;

  private constructor(private readonly options: SessionOptions) {}

  /** @throws HandlerGone when nobody listens */
  static async open(options: SessionOptions): Promise<Version1> {
    closeQuietly(await connect(options.path));
    return new Version1(options);
  }

  get trouble(): string | undefined {
    return this.#unwanted ? "a cancelled call has not ended yet" : undefined;
  }

  usable(): Promise<void> {
    return Promise.resolve();
  }

  vitals(): Promise<undefined> {
    return Promise.resolve(undefined);
  }

  async call(call: HandlerCall, sink: HandlerSink): Promise<HandlerAnswer> {
    const { maxFrameBytes, endActor } = this.options;
    const body = encodeEnvelope(call.envelope);
    if (body.length > maxFrameBytes) throw tooLarge("the envelope", body.length, maxFrameBytes);
    const turn = this.#slot.take();
    if (turn !== undefined) await turn;
    let unwanted: Promise<void> | undefined;
    try {
      if (call.signal.aborted) throw cancelled(call.signal);
      if (this.#over !== undefined) throw this.#over;
      const limitAt = performance.now() + call.limitMs;
      const exchange = this.#exchange(body, sink);
      const first = await limited(exchange, call, this.#alarm);
      if (typeof first === "object") return readAnswer(first.value, endActor);
      if (first === "limit") {
        this.#abandon();
        throw new HandlerTimeout(`the handler took longer than ${call.limitMs} ms`, false);
      }
      unwanted = this.#outlast(exchange, limitAt - performance.now());
      throw cancelled(call.signal);
    } catch (error) {
      if (error instanceof HandlerGone) this.#end(error);
      throw error;
    } finally {
      if (unwanted === undefined) this.#slot.give();
      else void unwanted.then(() => this.#slot.give());
    }
  }

  close(): void {
    this.#closing = true;
    this.#end(new HandlerGone("the handler was closed"));
    if (this.#conn !== undefined) closeQuietly(this.#conn);
  }

  async #exchange(body: Uint8Array, sink: HandlerSink): Promise<Uint8Array> {
    const conn = this.#conn = await connect(this.options.path);
    try {
      await writeAll(conn, framed(body), () => sink.started());
      return await readBody(conn, this.options.maxFrameBytes);
    } finally {
      closeQuietly(conn);
    }
  }

  /** Waits for a call that nobody wants; past its limit it is a time-out like any other. */
  async #outlast(exchange: Promise<unknown>, ms: number): Promise<void> {
    this.#unwanted = true;
    if (!await settles(exchange, ms)) this.#abandon();
    this.#unwanted = false;
  }

  /** Lets go of a call that cannot be stopped and has its process started again from outside. */
  #abandon(): void {
    if (this.#conn !== undefined) closeQuietly(this.#conn);
    let reason = "a call ran past its limit; removed runtime-ready to have the runtime restarted";
    try {
      removeReadyFile(this.options.dir);
    } catch (error) {
      reason = `a call ran past its limit, and runtime-ready cannot be removed: ${
        messageOf(error)
      }`;
    }
    this.#end(new HandlerGone(reason));
  }

  #end(reason: HandlerGone): void {
    if (this.#over !== undefined) return;
    this.#over = reason;
    this.#slot.close(reason);
    this.#alarm.close();
    if (!this.#closing) this.options.onOver(reason.message);
  }
}

/** A message's bytes: one write for a small one, no copy of a large one. */
function framed(body: Uint8Array): readonly Uint8Array[] {
  const whole = body.length <= GATHER_BYTES;
  const bytes = new Uint8Array(whole ? LENGTH_BYTES + body.length : LENGTH_BYTES);
  new DataView(bytes.buffer).setUint32(0, body.length);
  if (!whole) return [bytes, body];
  bytes.set(body, LENGTH_BYTES);
  return [bytes];
}

function readAnswer(body: Uint8Array, endActor: boolean): HandlerAnswer {
  const answer = checked(() => parseAnswer(body, { endActor, maxFrames: MAX_FRAMES }));
  if ("failure" in answer) throw new HandlerError(answer.failure);
  return answer;
}

/** Reads one length and that many bytes. */
async function readBody(conn: Deno.Conn, limit: number): Promise<Uint8Array> {
  let buffer = new Uint8Array(BUFFER_BYTES);
  let have = 0;
  let need = LENGTH_BYTES;
  while (have < need) {
    have += await readSome(conn, buffer.subarray(have));
    if (need === LENGTH_BYTES && have >= LENGTH_BYTES) {
      const length = new DataView(buffer.buffer).getUint32(0);
      if (length > limit) throw tooLarge("the answer", length, limit);
      need += length;
      if (need > buffer.length) buffer = grown(buffer, have, need);
    }
  }
  return buffer.subarray(LENGTH_BYTES, need);
}

async function readSome(conn: Deno.Conn, into: Uint8Array): Promise<number> {
  let count: number | null;
  try {
    count = await conn.read(into);
  } catch (cause) {
    throw new HandlerGone(`the connection to the runtime broke (${messageOf(cause)})`, { cause });
  }
  if (count === null) throw new HandlerGone("the runtime closed the connection without an answer");
  return count;
}

function grown(buffer: Uint8Array, have: number, size: number): Uint8Array<ArrayBuffer> {
  const larger = new Uint8Array(size);
  larger.set(buffer.subarray(0, have));
  return larger;
}
