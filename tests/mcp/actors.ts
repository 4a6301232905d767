/** Actors of the conformance server: what their sidecars would report, told to the store itself. */

import { type FinalReport, finished } from "../../gateway/envelopes/final.ts";
import { progressed } from "../../gateway/envelopes/progress.ts";
import type { Store } from "../../gateway/store/store.ts";
import { parseEnvelope } from "@asya/envelope";
import type { Outgoing, SendResult } from "@asya/transport";

/** What an actor makes of a payload, and after how many milliseconds. */
type Work = (payload: Readonly<Record<string, unknown>>) => {
  readonly afterMs: number;
  readonly report: FinalReport;
};

const failure = (error: string, message: string): FinalReport => ({
  status: "failed",
  error,
  errorDetails: JSON.stringify({ message }),
});

const WORK: Readonly<Record<string, Work>> = {
  "simple-text": () => ({
    afterMs: 0,
    report: { status: "succeeded", result: '"This is a simple text response for testing."' },
  }),
  progress: () => ({ afterMs: 50, report: { status: "succeeded", result: '"done"' } }),
  slow: ({ seconds }) => ({
    afterMs: Number(seconds) * 1000,
    report: { status: "succeeded", result: JSON.stringify({ seconds }) },
  }),
  failing: () => ({ afterMs: 100, report: failure("processing_error", "it always fails") }),
  unreachable: () => ({ afterMs: 100, report: failure("route_error", "there is no such queue") }),
};

/** Tools for those actors, as a tools file. */
export const CONFORMANCE_TOOLS = `
tools:
  - { name: test_simple_text, route: [simple-text] }
  - name: test_error_handling
    parameters: { needed: { type: string, required: true } }
    route: [simple-text]
  - { name: test_tool_with_progress, route: [progress] }
  - name: slow_compute
    parameters: { seconds: { type: number, default: 0 }, label: { type: string } }
    route: [slow]
  - name: confirm_delete
    parameters: { filename: { type: string } }
    route: [simple-text]
  - { name: failing_job, route: [failing] }
  - { name: protocol_error_job, route: [unreachable] }
`;

/** Takes messages off no queue at all. */
export class Actors implements Disposable {
  readonly #timers = new Set<ReturnType<typeof setTimeout>>();
  /** Envelopes being worked on. */
  readonly #working = new Set<Promise<unknown>>();

  constructor(private readonly store: Store) {}

  /** As `Queue.send`. */
  publish(out: readonly Outgoing[]): Promise<SendResult[]> {
    for (const { actor, body } of out) this.#start(actor, body);
    return Promise.resolve(out.map(() => ({ ok: true })));
  }

  #start(actor: string, body: Uint8Array): void {
    const { id, payload } = parseEnvelope(body);
    const { afterMs, report } = WORK[actor]!(JSON.parse(new TextDecoder().decode(payload)));
    const processing = { status: "processing", actorIdx: 0 } as const;
    this.#track(this.store.change(id, (r) => progressed(r, processing, Date.now())));
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      const done = { status: "completed", actorIdx: 0 } as const;
      this.#track(
        this.store.change(id, (r) => progressed(r, done, Date.now()))
          .then(() => this.store.change(id, (r) => finished(r, report, Date.now()))),
      );
    }, afterMs);
    this.#timers.add(timer);
  }

  #track(work: Promise<unknown>): void {
    this.#working.add(work);
    work.finally(() => this.#working.delete(work));
  }

  /** Resolves when nothing is being written. */
  async idle(): Promise<void> {
    await Promise.all(this.#working);
  }

  [Symbol.dispose](): void {
    for (const timer of this.#timers) clearTimeout(timer);
  }
}
