/**
 * The way between the pool and a worker. Hand-overs and their results go through shared memory,
 * where the worker blocks between them: no event loop has to be woken on its side. What does not
 * fit there is posted, as is all that a guest asks of its host; order is kept.
 */

import { Mailbox } from "./mailbox.ts";
import {
  type CallsRequest,
  type LoadRequest,
  type ResultsAnswer,
  toTransfer,
  type WorkerAnswer,
} from "./protocol.ts";

/** What both ends share. */
export interface LineMemory {
  readonly requests: SharedArrayBuffer;
  readonly results: SharedArrayBuffer;
}

/** The pool's end. */
export class WorkerLine {
  readonly #memory: LineMemory = { requests: Mailbox.memory(), results: Mailbox.memory() };
  readonly #requests = new Mailbox<CallsRequest>(this.#memory.requests);
  readonly #results = new Mailbox<ResultsAnswer>(this.#memory.results);
  #closed = false;

  /** `onAnswer` is called for whatever the worker says, until {@linkcode close}. */
  constructor(
    private readonly worker: Worker,
    private readonly onAnswer: (answer: WorkerAnswer) => void,
  ) {
    worker.onmessage = ({ data }: MessageEvent<WorkerAnswer>) => {
      this.#takeResults(); // which came before
      if (!this.#closed) onAnswer(data);
    };
    void this.#listen();
  }

  /** First of all. */
  load(request: Omit<LoadRequest, "line">): void {
    this.worker.postMessage({ ...request, line: this.#memory });
  }

  /** To a worker that has nothing to do. */
  handOver(request: CallsRequest): void {
    if (this.#requests.put(request)) return;
    const bodies = request.bodies.map((body) => new Uint8Array(body)); // which is handed over
    this.worker.postMessage({ ...request, bodies }, toTransfer(bodies));
    this.#requests.sendAway();
  }

  /** Ends the worker. One that waits has to be told: nothing else ends its wait. */
  close(): void {
    this.#closed = true;
    this.#requests.sendAway();
    this.#results.sendAway();
    this.worker.terminate();
  }

  async #listen(): Promise<void> {
    while (!this.#closed) {
      await this.#results.filled();
      this.#takeResults();
    }
  }

  #takeResults(): void {
    const results = this.#results.take();
    if (results !== undefined && !this.#closed) this.onAnswer(results);
  }
}

/** The worker's end. */
export class HostLine {
  readonly #requests: Mailbox<CallsRequest>;
  readonly #results: Mailbox<ResultsAnswer>;
  /** Something was posted since the last hand-over: what follows comes after it. */
  #posted = false;

  /** `postMessage`: the worker's. */
  constructor(
    { requests, results }: LineMemory,
    private readonly postMessage: (answer: WorkerAnswer, transfer: Transferable[]) => void,
  ) {
    this.#requests = new Mailbox(requests);
    this.#results = new Mailbox(results);
  }

  /** Blocks until there is a hand-over; `undefined`: look at what was posted. */
  next(): CallsRequest | undefined {
    return this.#requests.wait();
  }

  /** Says how calls of a hand-over ended. */
  answer(results: ResultsAnswer): void {
    if (this.#posted || !this.#results.put(results)) {
      this.post(results, toTransfer(results.bodies));
    }
    if (results.idle) this.#posted = false;
  }

  /** Says anything else. */
  post(answer: WorkerAnswer, transfer: Transferable[] = []): void {
    this.#posted = true;
    this.postMessage(answer, transfer);
  }
}
