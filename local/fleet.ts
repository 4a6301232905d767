/** All actors that run: those of the folder, and the end actors that every folder needs. */

import { CREW } from "@asya/crew";
import { isHandlerSource } from "@asya/plugins";
import { readSidecarSettings, type SidecarSettings, startSidecar } from "@asya/sidecar";
import type { Logger } from "@asya/telemetry";
import type { Transport } from "@asya/transport";
import { LocalActor, type Prepared } from "./actor.ts";
import { LocalError } from "./error.ts";
import type { LocalGateway } from "./gateway.ts";
import { type Machine, type PreparedHandler, prepareHandler } from "./handler.ts";
import { handlerLines } from "./logger.ts";
import type { PlannedActor, Project } from "./project.ts";
import type { Screen } from "./screen.ts";
import type { ActorPhase, ActorState } from "./table.ts";

/** What all of them share. */
export interface FleetOptions {
  readonly machine: Machine;
  /** Variables with which a sidecar reaches `transport`. */
  readonly carrier: Readonly<Record<string, string>>;
  readonly transport: Transport;
  readonly gateway: Pick<LocalGateway, "url" | "fetch">;
  readonly screen: Screen;
  readonly log: Logger;
}

/** What {@linkcode Fleet.apply} did, by names. */
export interface Applied {
  /** Every actor that runs now, end actors included. */
  readonly actors: ReadonlySet<string>;
  readonly started: readonly string[];
  readonly restarted: readonly string[];
  readonly stopped: readonly string[];
}

interface Member {
  readonly actor: LocalActor;
  /** Absent for an end actor of ours. */
  readonly planned?: PlannedActor;
}

const LOOK_MS = 100;

/** The supervised actors. */
export class Fleet {
  readonly #members = new Map<string, Member>();
  readonly #leaving = new Set<Promise<void>>();
  readonly #phases = new Map<string, ActorPhase>();
  readonly #timer: ReturnType<typeof setInterval>;
  readonly #options: FleetOptions;

  constructor(options: FleetOptions) {
    this.#options = options;
    this.#timer = setInterval(() => this.#tellPhases(), LOOK_MS);
  }

  /** Makes the fleet what the project says: new ones start, changed ones restart, others stop. */
  apply(project: Project): Applied {
    const started: string[] = [];
    const restarted: string[] = [];
    const stopped: string[] = [];
    for (const [name, { planned, actor }] of this.#members) {
      if (!planned || project.actors.has(name)) continue;
      stopped.push(name);
      this.#members.delete(name);
      const left = actor.stop().finally(() => this.#leaving.delete(left));
      this.#leaving.add(left);
      this.#phases.delete(name);
    }
    for (const [name, planned] of project.actors) {
      const before = this.#members.get(name);
      if (before?.planned?.print === planned.print) continue;
      for (const note of planned.plan.notes) this.#say(name, note);
      if (before?.planned) {
        restarted.push(name);
        this.#members.set(name, { actor: before.actor, planned });
        void before.actor.restart();
      } else {
        started.push(name);
        void before?.actor.stop();
        const { kind } = planned.plan.handler;
        const say = (line: string) => this.#say(name, line);
        this.#add(name, new LocalActor(name, kind, () => this.#prepare(name), say), planned);
      }
    }
    this.#startCrew();
    return { actors: new Set(this.#members.keys()), started, restarted, stopped };
  }

  /** Restarts the actors whose code is among these files. @returns their names */
  codeChanged(paths: ReadonlySet<string>): string[] {
    const names: string[] = [];
    for (const [name, { planned, actor }] of this.#members) {
      if (!planned || !isCodeOf(planned, paths)) continue;
      names.push(name);
      void actor.restart();
    }
    return names;
  }

  /** End actors last. */
  states(): ActorState[] {
    const now = performance.now();
    const order = (member: Member) => member.planned ? 0 : 1;
    return [...this.#members.values()]
      .toSorted((a, b) => order(a) - order(b))
      .map(({ actor }) => actor.state(now));
  }

  /** @throws LocalError `not_ready` after `timeoutMs`, or as soon as an actor crashed */
  async ready(timeoutMs: number): Promise<void> {
    const until = performance.now() + timeoutMs;
    for (;;) {
      const waiting = this.states().filter(({ phase }) => phase !== "ready");
      if (waiting.length === 0) return;
      const crashed = waiting.find(({ phase }) => phase === "crashed");
      const late = performance.now() > until;
      if (crashed || late) {
        const { name, phase, trouble = "no reason known" } = crashed ?? waiting[0]!;
        throw new LocalError("not_ready", `actor ${name} is ${phase}: ${trouble}`);
      }
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS / 4));
    }
  }

  /** Drains all; the end actors last, because the others send to them. */
  async stop(): Promise<void> {
    const members = [...this.#members.values()];
    await Promise.all(members.filter((m) => m.planned).map(({ actor }) => actor.stop()));
    await Promise.all(this.#leaving);
    await Promise.all(members.filter((m) => !m.planned).map(({ actor }) => actor.stop()));
    clearInterval(this.#timer);
    this.#tellPhases();
  }

  /** End actors that the folder does not declare itself. */
  #startCrew(): void {
    for (const [name, make] of Object.entries(CREW)) {
      if (this.#members.has(name)) continue;
      const prepare = () => {
        const { state } = this.#options.machine;
        const handler = make({ resultsDir: state.results });
        const start = () => Promise.resolve({ handler, close: () => handler.close() });
        const settings = readSidecarSettings({
          ...this.#options.carrier,
          ASYA_ACTOR_NAME: name,
          ASYA_IS_END_ACTOR: "true",
          ASYA_CONCURRENCY: String(handler.concurrency),
          ASYA_GATEWAY_URL: this.#options.gateway.url,
        });
        return this.#prepared(settings, { start, discard: () => handler.close() });
      };
      this.#add(name, new LocalActor(name, "crew", prepare, (line) => this.#say(name, line)));
    }
  }

  #add(name: string, actor: LocalActor, planned?: PlannedActor): void {
    this.#members.set(name, planned ? { actor, planned } : { actor });
    void actor.restart();
  }

  #say(actor: string, line: string): void {
    for (const { text, style } of handlerLines(line)) {
      this.#options.screen.line(text, style ? { actor, style } : { actor });
    }
  }

  async #prepare(name: string): Promise<Prepared> {
    const { machine, log } = this.#options;
    const { plan, settings } = this.#members.get(name)!.planned!;
    const voice = { log: log.with({ actor: name }), say: (line: string) => this.#say(name, line) };
    return this.#prepared(settings, await prepareHandler(plan, settings, machine, voice));
  }

  async #prepared(settings: SidecarSettings, handler: PreparedHandler): Promise<Prepared> {
    const { transport, gateway, log } = this.#options;
    const queue = transport.queue(settings.actor);
    await queue.declare(settings.actor);
    return {
      discard: () => handler.discard(),
      begin: async () => {
        const running = await handler.start();
        return {
          handler: running,
          queue,
          graceMs: settings.shutdownGrace,
          start: () =>
            startSidecar({
              settings: { ...settings, gatewayUrl: gateway.url },
              queue,
              handler: running.handler,
              log: log.with({ actor: settings.actor }),
              fetch: gateway.fetch,
            }),
        };
      },
    };
  }

  #tellPhases(): void {
    for (const { name, phase, trouble } of this.states()) {
      const before = this.#phases.get(name);
      if (before === phase) continue;
      this.#phases.set(name, phase);
      // Everything waits at first; that is no news.
      if (before === undefined && phase === "waiting") continue;
      this.#options.screen.phase(name, phase, trouble);
    }
  }
}

function isCodeOf({ plan: { handler } }: PlannedActor, paths: ReadonlySet<string>): boolean {
  return [...paths].some((path) => {
    if (handler.kind !== "wasm") {
      const source = handler.kind === "python" ? /\.py$/ : /\.([cm]?[jt]s|json)$/;
      return source.test(path) && handler.code.some((folder) => path.startsWith(`${folder}/`));
    }
    // The source may import its neighbours.
    const folder = handler.file.slice(0, handler.file.lastIndexOf("/"));
    return path === handler.file ||
      isHandlerSource(handler.file) && isHandlerSource(path) && path.startsWith(`${folder}/`);
  });
}
