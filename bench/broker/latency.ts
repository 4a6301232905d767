/**
 * The time that a message takes over one hop and over three, through bare relays and through
 * sidecars. All lines run in turns within the same seconds, each at the same slow rate.
 */

import { percentile, type Row } from "../row.ts";
import { Cast } from "./cast.ts";
import { median, ROUNDS } from "./race.ts";
import { envelope, Scene } from "./scene.ts";

const RATE_PER_SECOND = 50;
const SAMPLES = 100;
const BYTES = 1_024;
const PREFETCH = 10;
/** A message that takes longer is lost. */
const PATIENCE_MS = 30_000;

/** A way for messages: in at `actors[0]`, out at the last, which nobody serves. */
export interface Line {
  readonly name: string;
  readonly actors: readonly string[];
}

/** Sends messages over lines and takes them out at their ends. */
export class Probe {
  readonly #sentAt = new Map<string, number>();
  readonly #arrived = new Map<string, (ms: number) => void>();
  #sent = 0;

  private constructor(private readonly scene: Scene) {}

  /** Listens at the ends of the lines. */
  static async open(scene: Scene, lines: readonly Line[]): Promise<Probe> {
    const probe = new Probe(scene);
    for (const { actors } of lines) {
      await scene.consume(actors.at(-1)!, 1_000, (id) => {
        probe.#arrived.get(id)?.(performance.now() - probe.#sentAt.get(id)!);
      });
    }
    return probe;
  }

  /** One message over a line; milliseconds. @throws Error when it does not arrive */
  async send({ name, actors }: Line): Promise<number> {
    const { id, bytes } = envelope(`${name}-${this.#sent++}`, actors, BYTES);
    const { promise, resolve, reject } = Promise.withResolvers<number>();
    const lost = () => reject(new Error(`a message got lost on the way of ${name}`));
    const timer = setTimeout(lost, PATIENCE_MS);
    this.#sentAt.set(id, performance.now());
    this.#arrived.set(id, resolve);
    try {
      await this.scene.publish(actors[0]!, id, bytes);
      return await promise;
    } finally {
      clearTimeout(timer);
      this.#sentAt.delete(id);
      this.#arrived.delete(id);
    }
  }

  /** Milliseconds of each message, by line: every line gets its rate, in turns with the others. */
  async round(lines: readonly Line[]): Promise<number[][]> {
    const apartMs = 1000 / RATE_PER_SECOND / lines.length;
    const began = performance.now();
    const sent: Promise<number>[] = [];
    for (let n = 0; n < SAMPLES * lines.length; n++) {
      const wait = began + n * apartMs - performance.now();
      if (wait > 0) await new Promise((waited) => setTimeout(waited, wait));
      const one = this.send(lines[n % lines.length]!);
      one.catch(() => undefined); // `all` tells
      sent.push(one);
    }
    const all = await Promise.all(sent);
    return lines.map((_, line) => all.filter((_, n) => n % lines.length === line));
  }
}

/** One hop and three hops. */
export async function latency(url: string): Promise<Row[]> {
  await using scene = await Scene.open(url, "time");
  await using cast = new Cast(scene);
  const bare = { name: "bare", actors: ["bare", "bare-end"] };
  const ours = { name: "ours", actors: ["ours", "ours-end"] };
  const python = { name: "python", actors: ["python", "python-end"] };
  const bare3 = { name: "bare3", actors: ["bare-1", "bare-2", "bare-3", "bare3-end"] };
  const ours3 = { name: "ours3", actors: ["ours-1", "ours-2", "ours-3", "ours3-end"] };
  await scene.declare("ours-end", "python-end", "ours3-end");
  await cast.relay("bare", PREFETCH, "bare-end");
  await cast.inProcess("ours");
  await cast.beside(await cast.python("noop"), "python");
  for (const n of [0, 1, 2]) {
    await cast.relay(bare3.actors[n]!, PREFETCH, bare3.actors[n + 1]!);
    await cast.inProcess(ours3.actors[n]!);
  }
  const lines = [bare, ours, python, bare3, ours3];
  const probe = await Probe.open(scene, lines);
  for (const line of lines) await probe.send(line); // all are there
  const one = await compare(probe, [bare, ours, python]);
  const three = await compare(probe, [bare3, ours3]);
  const what = `one hop at ${RATE_PER_SECOND}/s`;
  return [
    ms(`${what}, bare relay, p50`, one.p50[0]!),
    ms("  in-process handler, p50, above it", one.above50[1]!, 0.5),
    ms("  Python handler, p50, above it", one.above50[2]!),
    ms(`${what}, bare relay, p95`, one.p95[0]!),
    ms("  in-process handler, p95, above it", one.above95[1]!, 2),
    ms("  Python handler, p95, above it", one.above95[2]!),
    ms(`three hops at ${RATE_PER_SECOND}/s, bare relays, p50`, three.p50[0]!),
    ms("  in-process handlers, p50, above it", three.above50[1]!, 1.5),
  ];
}

interface Comparison {
  readonly p50: readonly number[];
  readonly p95: readonly number[];
  /** Above the first line, the median of the rounds' differences. */
  readonly above50: readonly number[];
  readonly above95: readonly number[];
}

async function compare(probe: Probe, lines: readonly Line[]): Promise<Comparison> {
  await probe.round(lines); // warm up
  const rounds: number[][][] = [];
  for (let round = 0; round < ROUNDS; round++) rounds.push(await probe.round(lines));
  const over = (of: (round: number[][], line: number) => number) =>
    lines.map((_, line) => median(rounds.map((round) => of(round, line))));
  const at = (p: number) => (round: number[][], line: number) => percentile(round[line]!, p);
  const above = (p: number) => (round: number[][], line: number) =>
    percentile(round[line]!, p) - percentile(round[0]!, p);
  return {
    p50: over(at(0.5)),
    p95: over(at(0.95)),
    above50: over(above(0.5)),
    above95: over(above(0.95)),
  };
}

function ms(name: string, value: number, atMost?: number): Row {
  return { name, value, unit: "ms", ...atMost === undefined ? {} : { goal: { atMost } } };
}
