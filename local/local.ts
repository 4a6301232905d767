/**
 * A folder of actors, run on this machine: gateway, sidecars and end actors in this process, each
 * Python handler in one of its own, one SQLite file for queue and store. What changes in the folder
 * is taken up while it runs.
 */

import { resolve } from "node:path";
import type { Logger } from "@asya/telemetry";
import type { DeadLetters } from "@asya/transport";
import { carrierEnv, openCarrier } from "./carrier.ts";
import { Fleet } from "./fleet.ts";
import { serveGateway } from "./gateway.ts";
import type { Machine } from "./handler.ts";
import { screenLogger } from "./logger.ts";
import type { Surroundings } from "./plan.ts";
import { readProject } from "./project.ts";
import { findPython, type Python } from "./python.ts";
import { Reloader } from "./reloader.ts";
import { type ConsoleMode, openScreen, type Output } from "./screen.ts";
import { sendEnvelope } from "./send.ts";
import { makeSocketRoot, socketFolder, socketRoot } from "./socket_folder.ts";
import { holdFolder, statePaths, unlessMissing } from "./state_folder.ts";
import type { ActorState } from "./table.ts";
import { missingActors, readTools } from "./tools.ts";

/** What to run and how to show it. */
export interface LocalOptions {
  /** The folder with the manifests. */
  readonly dir: string;
  /** Of the gateway, on 127.0.0.1; default 8080, 0 = any free one. */
  readonly port?: number;
  /** Default `none`. */
  readonly console?: ConsoleMode;
  /** What the console writes to; default: standard output. */
  readonly output?: Output;
  /** Where the services log; default: to the console, warnings and worse. */
  readonly log?: Logger;
  /** The environment; default: that of this process. */
  readonly env?: Readonly<Record<string, string>>;
}

/** A folder that runs. */
export interface Local extends AsyncDisposable {
  /** Absolute, symbolic links resolved. */
  readonly dir: string;
  /** Of the gateway. */
  readonly url: string;
  /** Where results and errors are kept, one folder an end actor. */
  readonly resultsDir: string;
  /** One entry an actor, the end actors last. */
  actors(): ActorState[];
  /**
   * Resolves when every actor takes envelopes.
   * @throws LocalError `not_ready` after `timeoutMs`, or as soon as an actor crashed
   */
  ready(timeoutMs?: number): Promise<void>;
  /**
   * Registers an envelope at the gateway and puts it on the queue of its first actor.
   * @param payload JSON text
   * @returns its id
   */
  send(actors: readonly string[], payload: string): Promise<string>;
  /** Names of the tools in force. */
  tools(): readonly string[];
  /** Writes a line to the console, above the table where there is one. */
  say(line: string): void;
  /** The broker that carries the envelopes: `sqlite` is the embedded one. */
  readonly transport: string;
  /** What the actor could not be given. */
  deadLetters(actor: string): DeadLetters;
  /** Drains, ends every process, closes everything. Safe to call twice; `await using` does it. */
  stop(): Promise<void>;
}

/** The real path, so that one folder has one socket folder whatever way it is named. */
async function realDir(dir: string): Promise<string> {
  try {
    return await Deno.realPath(dir);
  } catch (error) {
    unlessMissing(error);
    return resolve(dir);
  }
}

/**
 * Runs a folder. Resolves when the gateway listens and every actor is being started;
 * {@linkcode Local.ready} tells when they take envelopes.
 *
 * @throws ManifestError with every mistake of every manifest; LocalError
 */
export async function startLocal(options: LocalOptions): Promise<Local> {
  await using cleanup = new AsyncDisposableStack();
  const env = options.env ?? Deno.env.toObject();
  const dir = await realDir(options.dir);
  const state = statePaths(dir);
  const sockets = socketRoot(dir, env);
  const carrier = carrierEnv(env, state.database);
  const around: Surroundings = {
    dir,
    state,
    env,
    sidecar: carrier,
    socketFolder: (actor) => socketFolder(sockets, actor),
  };
  let found: Promise<Python> | undefined;
  const machine: Machine = { state, env, python: () => found ??= findPython(env) };
  // It takes a while to answer, and is nobody's trouble where there is no Python handler.
  const looked = machine.python().then(() => {}, () => {});
  cleanup.defer(() => looked);
  const project = await readProject(around);
  let tools = await readTools(project.tools);

  const hold = await holdFolder(dir);
  cleanup.defer(() => hold.release());
  await makeSocketRoot(sockets);
  cleanup.defer(() => Deno.remove(sockets, { recursive: true }).catch(unlessMissing));

  let fleet: Fleet | undefined = undefined;
  const states = () => fleet?.states() ?? [];
  const screen = openScreen(options.console ?? "none", states, options.output);
  cleanup.defer(() => screen.close());
  const log = options.log ?? screenLogger(screen, env);
  const transport = await openCarrier(carrier, log);
  cleanup.defer(() => transport.close());
  const gateway = await serveGateway({
    port: options.port ?? 8080,
    database: state.database,
    transport,
    tools: () => tools,
    log,
  });
  cleanup.defer(() => gateway.close());
  const kinds = [...project.actors.values()].map(({ plan }) => plan.handler.kind);
  if (kinds.some((kind) => kind !== "wasm")) await machine.python();
  const running = new Fleet({ machine, carrier, transport, gateway, screen, log });
  fleet = running;
  cleanup.defer(() => running.stop());
  const { actors: names } = running.apply(project);
  for (const line of missingActors(tools, names)) screen.line(line, { style: "yellow" });

  const reloader = new Reloader({
    around,
    fleet: running,
    screen,
    useTools: (read) => tools = read,
  });
  cleanup.defer(() => reloader.close());
  await reloader.follow(project);
  await hold.announce({ pid: Deno.pid, url: gateway.url });

  const owned = cleanup.move();
  let stopped: Promise<void> | undefined;
  const stop = () => stopped ??= owned.disposeAsync();
  return {
    dir,
    url: gateway.url,
    resultsDir: state.results,
    actors: states,
    ready: (timeoutMs = 30_000) => running.ready(timeoutMs),
    send: (actors, payload) => sendEnvelope({ transport, gateway, actors, payload }),
    say: (line) => screen.line(line),
    tools: () => [...tools.keys()],
    transport: transport.name,
    deadLetters: (actor) => transport.queue(actor).deadLetters(actor),
    stop,
    [Symbol.asyncDispose]: stop,
  };
}
