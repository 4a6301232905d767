/**
 * The whole system as processes, each of which can be killed and started again: a sidecar and a
 * Python runtime for each actor of the route, both end actors, and a gateway where it is wanted.
 */

import { readSettings } from "@asya/config";
import { createLogger } from "@asya/telemetry";
import { type Depth, openTransport, type Transport, TRANSPORT_SETTINGS } from "@asya/transport";
import { Child } from "./process.ts";
import { waitFor } from "./wait.ts";
import { type Actor, HANDLERS, MODULE, ROUTE } from "./work.ts";

const ROOT = new URL("../..", import.meta.url).pathname;
/** The end actors. */
export const ENDS = ["happy-end", "error-end"] as const;
const READY_MS = 60_000;

/** Every actor that has a queue. */
export const ACTORS = [...ROUTE, ...ENDS] as const;

/** Variables of a transport: `ASYA_TRANSPORT` and what it needs. */
export type TransportEnv = Readonly<Record<string, string>>;

/** What a fleet is made of. */
export interface FleetOptions {
  /** How its processes reach the broker. */
  readonly env: TransportEnv;
  /** How the test does, around a proxy; default: as the processes do. */
  readonly directEnv?: TransportEnv;
  /** Whether there is a gateway that final states are reported to. */
  readonly gateway?: boolean;
}

/** What a sidecar says about itself. */
export interface Health {
  readonly ready: boolean;
  readonly trouble?: string;
  readonly inFlight: number;
}

interface Parts {
  readonly dir: string;
  readonly env: TransportEnv;
  readonly transport: Transport;
  readonly sidecars: ReadonlyMap<string, Child>;
  readonly runtimes: ReadonlyMap<Actor, Child>;
  readonly gateway: Child | undefined;
  readonly gatewayUrl: string | undefined;
}

/** Starts everything; ready when it resolves. */
export async function startFleet(o: FleetOptions): Promise<Fleet> {
  await using undo = new AsyncDisposableStack();
  const dir = await Deno.realPath(await Deno.makeTempDir({ prefix: "asya-chaos-" }));
  undo.defer(() => Deno.remove(dir, { recursive: true }));
  await Deno.mkdir(`${dir}/logs`);
  await Deno.writeTextFile(`${dir}/handlers.py`, MODULE);
  await Deno.writeTextFile(`${dir}/tools.yaml`, TOOLS);
  await Deno.writeTextFile(`${dir}/notes.txt`, "");
  const child = (name: string, command: string[], env: TransportEnv, keep = false) =>
    undo.use(new Child({ name, dir: `${dir}/logs`, command, env, keep }));

  const port = o.gateway ? freePort() : undefined;
  const gatewayUrl = port && `http://127.0.0.1:${port}`;
  const gateway = port && child("gateway", deno("gateway/main.ts"), {
    ...o.env,
    ASYA_GATEWAY_PORT: `${port}`,
    ASYA_GATEWAY_HOST: "127.0.0.1",
    ASYA_CONFIG_PATH: `${dir}/tools.yaml`,
    ASYA_SQLITE_PATH: o.env.ASYA_SQLITE_PATH ?? `${dir}/gateway.db`,
  });
  const sidecars = new Map<string, Child>();
  for (const actor of ACTORS) {
    const main = isRoute(actor) ? "sidecar/main.ts" : "crew/main.ts";
    const env = {
      ...o.env,
      ASYA_ACTOR_NAME: actor,
      ASYA_QUEUE_AUTO_CREATE: "true",
      ASYA_METRICS_ADDR: "127.0.0.1:0",
      ASYA_RESULTS_DIR: `${dir}/.asya/results`,
      ASYA_SOCKET_DIR: `${dir}/${actor}`,
      ...gatewayUrl ? { ASYA_GATEWAY_URL: gatewayUrl } : {},
    };
    sidecars.set(actor, child(actor, deno(main), env));
  }
  const runtimes = new Map<Actor, Child>();
  for (const actor of ROUTE) {
    await Deno.mkdir(`${dir}/${actor}`);
    const env = {
      ASYA_HANDLER: HANDLERS[actor].handler,
      ASYA_HANDLER_MODE: HANDLERS[actor].mode,
      ASYA_SOCKET_DIR: `${dir}/${actor}`,
      PYTHONPATH: dir,
      NOTES: `${dir}/notes.txt`,
      NAPS: `${dir}/nap`,
    };
    const command = ["python3", `${ROOT}runtime/python/asya_runtime.py`];
    runtimes.set(actor, child(`runtime-${actor}`, command, env, true));
  }
  const settings = readSettings(TRANSPORT_SETTINGS, o.directEnv ?? o.env);
  const transport = await openTransport(settings, createLogger({ level: "error" }));
  undo.defer(() => transport.close());
  const parts = { dir, env: o.env, transport, sidecars, runtimes };
  const fleet = new Fleet(
    { ...parts, gateway: gateway || undefined, gatewayUrl: gatewayUrl || undefined },
    undo.move(),
  );
  try {
    await Promise.all(fleet.children.map((one) => one.start()));
    if (fleet.gateway) await fleet.gateway.line(/gateway listens/);
    await fleet.ready(READY_MS);
    return fleet;
  } catch (error) {
    fleet.printTails();
    await fleet[Symbol.asyncDispose]();
    throw error;
  }
}

/** A running fleet. */
export class Fleet implements AsyncDisposable {
  /** Everything that it writes is below this folder. */
  readonly dir: string;
  /** How its processes reach the broker. */
  readonly env: TransportEnv;
  /** Takes part from outside, for sending and looking. */
  readonly transport: Transport;
  /** Where there is one. */
  readonly gateway: Child | undefined;
  /** URL of the gateway; the port stays the same over restarts. */
  readonly gatewayUrl: string | undefined;
  readonly #sidecars: ReadonlyMap<string, Child>;
  readonly #runtimes: ReadonlyMap<Actor, Child>;

  /** Use {@linkcode startFleet}. */
  constructor(parts: Parts, private readonly undo: AsyncDisposableStack) {
    this.dir = parts.dir;
    this.env = parts.env;
    this.transport = parts.transport;
    this.gateway = parts.gateway;
    this.gatewayUrl = parts.gatewayUrl;
    this.#sidecars = parts.sidecars;
    this.#runtimes = parts.runtimes;
  }

  /** All processes. */
  get children(): Child[] {
    const { gateway } = this;
    return [...this.#runtimes.values(), ...this.#sidecars.values(), ...gateway ? [gateway] : []];
  }

  /** The sidecar of an actor. */
  sidecar(actor: typeof ACTORS[number]): Child {
    return this.#sidecars.get(actor)!;
  }

  /** The runtime of an actor; started again whenever it ends. */
  runtime(actor: Actor): Child {
    return this.#runtimes.get(actor)!;
  }

  /** What `/health/ready` of a sidecar says now; `undefined` while nobody answers. */
  async health(actor: string): Promise<Health | undefined> {
    try {
      const [, port] = await this.#sidecars.get(actor)!.line(/"started".*?"port":(\d+)/);
      const signal = AbortSignal.timeout(1_000);
      const response = await fetch(`http://127.0.0.1:${port}/health/ready`, { signal });
      const health: Health = await response.json();
      if (health.ready !== (response.status === 200)) {
        throw new Error(`${actor} answers ${response.status} with ${JSON.stringify(health)}`);
      }
      return health;
    } catch (error) {
      if (error instanceof TypeError || error instanceof DOMException) return undefined;
      throw error;
    }
  }

  /** Resolves when every sidecar is ready. */
  async ready(limitMs: number): Promise<void> {
    let seen = "";
    const look = async () => {
      const all = await Promise.all(
        ACTORS.map(async (actor) => [actor, await this.health(actor)] as const),
      );
      seen = JSON.stringify(Object.fromEntries(all));
      return all.every(([, health]) => health?.ready);
    };
    await waitFor(() => `every sidecar is ready; they say ${seen}`, look, limitMs);
  }

  /** How much waits for an actor. */
  async depth(actor: string): Promise<Depth> {
    const queue = this.transport.queue(actor);
    try {
      return await queue.depth(actor);
    } finally {
      await queue.close();
    }
  }

  /** Says on the console what each process wrote last. */
  printTails(): void {
    for (const child of this.children) console.error(child.tail());
  }

  /** SIGTERM for all, runtimes last; the exit codes by name. */
  async stop(): Promise<Record<string, number>> {
    const stop = async (all: Iterable<Child>) =>
      await Promise.all([...all].map(async (one) => [one.name, await one.stop()] as const));
    for (const runtime of this.#runtimes.values()) runtime.letGo(); // they leave with their sidecars
    const codes = await stop(this.#sidecars.values());
    codes.push(...await stop([...this.#runtimes.values(), ...this.gateway ? [this.gateway] : []]));
    return Object.fromEntries(codes);
  }

  /** Ends every process at once and removes what they wrote. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.undo.disposeAsync();
  }
}

const TOOLS = `tools:
  - name: square
    description: the route
    parameters:
      n: { type: integer, description: the number, required: true }
    route: [${ROUTE.join(", ")}]
`;

function isRoute(actor: string): boolean {
  return ROUTE.some((name) => name === actor);
}

function deno(main: string): string[] {
  return [Deno.execPath(), "run", "-A", `--config=${ROOT}deno.json`, `${ROOT}${main}`];
}

function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}
