/** Whole calls in both versions, on top of raw connections. */

import { expect, Fault, short } from "./fault.ts";
import { opening, PATIENCE_MS, Peer, type Transcript } from "./peer.ts";
import { describeFrame, type Frame, jsonOf, packFrame, packMessage, textOf, TYPE } from "./wire.ts";

/** What a runtime says about itself. */
export interface Welcome {
  readonly version: number;
  readonly mode: string;
  readonly concurrency: number;
  readonly cancel: boolean;
  readonly stream: boolean;
  readonly pid: number;
}

/** An error as either version tells it. */
export interface Failure {
  readonly error: string;
  readonly details: Readonly<Record<string, unknown>>;
}

/** All that came for one call. */
export interface Answer {
  readonly frames: readonly Frame[];
  readonly partials: readonly Frame[];
  /** END's metrics. */
  readonly metrics: unknown;
  readonly failure: Failure | undefined;
  /** In the order of arrival, with milliseconds since the call was written. */
  readonly arrivals: readonly { readonly type: number; readonly ms: number }[];
}

/** Members of an envelope that most cases do not care about. */
export const HEAD: Readonly<Record<string, unknown>> = {
  id: "e-1",
  route: { actors: ["prep", "infer", "post"], current: 0 },
  headers: { traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01" },
};

let lastCall = 0;

/** A call number that no other call of this process has. */
export function nextCall(): number {
  return ++lastCall;
}

/** A CALL frame. */
export function callFrame(
  call: number,
  payload: string | Uint8Array,
  head: string | Record<string, unknown> = HEAD,
  remainingMs = 60_000,
): Uint8Array {
  const asya = { attempt: 1, remaining_ms: remainingMs };
  return packFrame(TYPE.CALL, call, typeof head === "string" ? head : { ...head, asya }, payload);
}

/** A version 2 connection that has been welcomed. */
export class Caller implements Disposable {
  private constructor(readonly peer: Peer, readonly welcome: Welcome) {}

  /** Opens one; LOADING may come first. @throws Fault */
  static async open(
    path: string,
    sent: Transcript,
    role: "call" | "control" = "call",
    maxFrame?: number,
  ): Promise<Caller> {
    const peer = await Peer.open(path, sent);
    try {
      await peer.write(opening(role, maxFrame));
      return new Caller(peer, await readWelcome(peer));
    } catch (error) {
      peer[Symbol.dispose]();
      throw error;
    }
  }

  /** Writes a CALL; its number. */
  async begin(
    payload: string | Uint8Array,
    head?: string | Record<string, unknown>,
    remainingMs?: number,
  ): Promise<number> {
    const call = nextCall();
    await this.peer.write(callFrame(call, payload, head, remainingMs));
    return call;
  }

  /** Reads up to END or ERROR. @throws Fault when what comes is no answer to this call */
  async answer(call: number, ms = PATIENCE_MS): Promise<Answer> {
    const began = performance.now();
    const frames: Frame[] = [];
    const partials: Frame[] = [];
    const arrivals: { type: number; ms: number }[] = [];
    for (;;) {
      const frame = await this.peer.frame(`END or ERROR of call ${call} within ${ms} ms`, ms);
      expect(frame.call === call, `frames of call ${call} alone`, describeFrame(frame));
      arrivals.push({ type: frame.type, ms: performance.now() - began });
      const done = { frames, partials, arrivals };
      if (frame.type === TYPE.FRAME) frames.push(frame);
      else if (frame.type === TYPE.PARTIAL) partials.push(frame);
      else if (frame.type === TYPE.END) {
        const came = `${frames.length} and END ${frame.headText}`;
        expect(frame.head.frames === frames.length, "as many FRAMEs as END says", came);
        expect(frame.body.length === 0, "an END without a body", describeFrame(frame));
        return { ...done, metrics: frame.head.metrics, failure: undefined };
      } else if (frame.type === TYPE.ERROR) {
        return { ...done, metrics: undefined, failure: readFailure(frame.head) };
      } else throw new Fault("FRAME, PARTIAL, END or ERROR", describeFrame(frame));
    }
  }

  /** One call. */
  async call(
    payload: string | Uint8Array,
    head?: string | Record<string, unknown>,
    ms?: number,
  ): Promise<Answer> {
    return await this.answer(await this.begin(payload, head), ms);
  }

  /** One call that is answered with one frame; its body as text. @throws Fault */
  async one(payload: string, head?: Record<string, unknown>, ms?: number): Promise<string> {
    const answer = await this.call(payload, head, ms);
    return textOf(onlyFrame(answer).body);
  }

  [Symbol.dispose](): void {
    this.peer[Symbol.dispose]();
  }
}

/** Reads up to WELCOME and checks it. @throws Fault */
export async function readWelcome(peer: Peer): Promise<Welcome> {
  for (;;) {
    const frame = await peer.frame("WELCOME");
    if (frame.type === TYPE.LOADING) continue;
    expect(frame.type === TYPE.WELCOME, "WELCOME", describeFrame(frame));
    const { version, mode, concurrency, cancel, stream, pid } = frame.head;
    const good = version === 2 && (mode === "payload" || mode === "envelope") &&
      Number.isSafeInteger(concurrency) && Number(concurrency) >= 1 &&
      typeof cancel === "boolean" && typeof stream === "boolean" && Number.isSafeInteger(pid);
    expect(good, "WELCOME {version: 2, mode, concurrency, cancel, stream, pid}", frame.headText);
    return frame.head as unknown as Welcome;
  }
}

/** The one frame of an answer. @throws Fault */
export function onlyFrame(answer: Answer): Frame {
  const { frames, failure } = answer;
  if (failure) throw new Fault("one frame", short(failure));
  expect(frames.length === 1, "one frame", `${frames.length} frames`);
  return frames[0]!;
}

/** The error of an answer, which has no frames that count. @throws Fault */
export function failureOf(answer: Answer, ...codes: readonly string[]): Failure {
  const { failure, frames } = answer;
  if (!failure) throw new Fault(`ERROR ${codes.join(" or ")}`, `${frames.length} frames and END`);
  expect(codes.includes(failure.error), `error ${codes.join(" or ")}`, short(failure));
  return failure;
}

/** Checks what `{error, details}` has to hold. @throws Fault */
export function readFailure(value: unknown): Failure {
  const { error, details } = (value ?? {}) as Partial<Failure>;
  const good = typeof error === "string" && error !== "" && typeof details === "object" &&
    details !== null && typeof details.message === "string";
  expect(good, "{error: code, details: {message, ...}}", short(value));
  return { error, details };
}

/** Sends a version 1 message; the array that came back, as text. @throws Fault */
export async function exchange1(
  path: string,
  sent: Transcript,
  message: string | Uint8Array,
  ms = PATIENCE_MS,
): Promise<string> {
  using peer = await Peer.open(path, sent);
  await peer.write(packMessage(message));
  return await readMessage(peer, ms);
}

/** Reads the one message of a version 1 connection, and its end. @throws Fault */
export async function readMessage(peer: Peer, ms = PATIENCE_MS): Promise<string> {
  const length = await peer.bytes(4, "the length of an answer", ms);
  const size = new DataView(length.buffer, length.byteOffset).getUint32(0);
  expect(size < 2 ** 30, "a length below 1 GiB", String(size));
  const text = textOf(await peer.bytes(size, `an answer of ${size} bytes`, ms));
  const more = await peer.rest("the end of the connection after the answer");
  expect(more.length === 0, "nothing after the answer", `${more.length} bytes`);
  return text;
}

/** The frames or the one error of a version 1 answer. @throws Fault */
export function framesOf(text: string): Record<string, unknown>[] {
  const value = jsonOf(text);
  expect(Array.isArray(value), "an array", text.slice(0, 300));
  return value;
}

/** The error of a version 1 answer. @throws Fault */
export function failure1(text: string, ...codes: readonly string[]): Failure {
  const frames = framesOf(text);
  expect(frames.length === 1 && "error" in frames[0]!, "an array of one error", text.slice(0, 300));
  const failure = readFailure(frames[0]);
  expect(codes.includes(failure.error), `error ${codes.join(" or ")}`, short(failure));
  return failure;
}

/** A version 1 request around a payload's text. */
export function envelope1(payload: string, more = ""): string {
  return `{"id":"e-1","route":{"actors":["prep","infer"],"current":0},${more}"payload":${payload}}`;
}
