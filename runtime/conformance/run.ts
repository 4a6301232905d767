/** Plays the suite against a command: a process for each setup, four at a time, each case bounded. */

import { CAPABILITIES, type Capability, type Case, type LifeCase, sceneOf } from "./case.ts";
import { Caller } from "./caller.ts";
import { Fault } from "./fault.ts";
import { Transcript } from "./peer.ts";
import type { CaseResult, Report } from "./report.ts";
import { reportOf } from "./report.ts";
import { type Setup, Subject, type Target } from "./subject.ts";
import { lifeCases, readyCases } from "./suite.ts";
import { within } from "./wait.ts";

const CASE_BOUND_MS = 40_000;
const AT_ONCE = 4;

/** What of the suite to play. */
export interface RunOptions {
  readonly target: Target;
  /** What the report calls it. */
  readonly name: string;
  readonly version: string;
  /** Capabilities that the runtime does not have. */
  readonly without?: readonly Capability[];
  /** Those alone, where it is given. */
  readonly only?: readonly Capability[];
  /** Told of each case as it ends. */
  readonly onResult?: (result: CaseResult) => void;
}

/** Plays it; a runtime that fails is a report, not an error. */
export async function runKit(options: RunOptions): Promise<Report> {
  const { target, only, onResult = () => {} } = options;
  const without = new Set([...options.without ?? [], ...await notOffered(target)]);
  const played = (one: Case | LifeCase) =>
    !without.has(one.capability) && !(one.needs && without.has(one.needs)) &&
    (!only || only.includes(one.capability));
  const results: CaseResult[] = [];
  const tell = (result: CaseResult) => {
    results.push(result);
    onResult(result);
  };

  const shared = Map.groupBy(
    readyCases().filter(played).map((one, at) => ({ one, at })),
    ({ one, at }) => one.alone ? `alone ${at}` : JSON.stringify(one.setup),
  );
  const jobs = [
    ...lifeCases().filter(played).map((one) => async () => tell(await playLife(target, one))),
    ...[...shared.values()].map((group) => () =>
      playShared(target, group.map(({ one }) => one), tell)
    ),
  ].values();
  const work = async () => {
    for (const job of jobs) await job();
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));

  const order = new Map([...readyCases(), ...lifeCases()].map((one, at) => [one.name, at]));
  results.sort((a, b) => order.get(a.name)! - order.get(b.name)!);
  const skipped = CAPABILITIES.filter((one) => only && !only.includes(one));
  return reportOf(options, results, [...without], skipped);
}

/** What WELCOME says that the runtime does not do. Where there is no WELCOME, the cases will tell. */
async function notOffered(target: Target): Promise<Capability[]> {
  try {
    await using subject = await Subject.ready(target, { handler: "echo" });
    using caller = await Caller.open(subject.socket, new Transcript());
    const { cancel, stream } = caller.welcome;
    return [...cancel ? [] : ["cancel" as const], ...stream ? [] : ["streaming" as const]];
  } catch (error) {
    if (error instanceof Fault) return [];
    throw error;
  }
}

async function playShared(
  target: Target,
  cases: readonly Case[],
  tell: (result: CaseResult) => void,
): Promise<void> {
  let subject: Subject | undefined;
  let unstartable: Fault | undefined;
  const start = async (setup: Setup) => {
    // One that does not start does not start for the next case either.
    if (unstartable) throw unstartable;
    try {
      return await Subject.ready(target, setup);
    } catch (error) {
      if (error instanceof Fault) unstartable = error;
      throw error;
    }
  };
  try {
    for (const one of cases) {
      const sent = new Transcript();
      const result = await judge(one, sent, async () => {
        subject ??= await start(one.setup);
        using connections = new DisposableStack();
        await one.run(sceneOf(target, subject, sent, connections));
        const ended = subject.exited && !one.alone;
        if (ended) throw new Fault("a runtime that goes on", `its exit: ${subject.lastLine}`);
      });
      tell(subject && result.fault ? { ...result, output: tail(subject) } : result);
      // After a failure nobody knows what the next case would meet.
      if (result.fault || subject?.exited) {
        await subject?.[Symbol.asyncDispose]();
        subject = undefined;
      }
    }
  } finally {
    await subject?.[Symbol.asyncDispose]();
  }
}

async function playLife(target: Target, one: LifeCase): Promise<CaseResult> {
  const sent = new Transcript();
  const started: Subject[] = [];
  const start = async (more: Readonly<Record<string, string>> = {}, folder?: string) => {
    const setup: Setup = { handler: one.setup.handler, env: { ...one.setup.env, ...more } };
    const subject = await Subject.start(target, setup, folder);
    started.push(subject);
    return subject;
  };
  const result = await judge(one, sent, () => one.run({ target, sent, start }));
  const output = result.fault ? { output: started.map(tail).join("\n") } : {};
  for (const subject of started) await subject[Symbol.asyncDispose]();
  return { ...result, ...output };
}

async function judge(
  { capability, name }: Case | LifeCase,
  sent: Transcript,
  run: () => Promise<void>,
): Promise<CaseResult> {
  const began = performance.now();
  const result = (fault?: Fault): CaseResult => ({
    capability,
    name,
    ms: Math.round(performance.now() - began),
    ...fault && { fault: { sent: sent.text, expected: fault.expected, came: fault.came } },
  });
  try {
    const late = (): never => {
      throw new Fault(`an end of the case within ${CASE_BOUND_MS} ms`, "none");
    };
    await within(run(), CASE_BOUND_MS, late);
    return result();
  } catch (error) {
    if (error instanceof Fault) return result(error);
    // What a runtime sends may surprise the kit itself: also that is something that came.
    return result(new Fault("what the protocol says", String((error as Error).stack ?? error)));
  }
}

function tail(subject: Subject): string {
  return subject.output.trimEnd().split("\n").slice(-8).join("\n");
}
