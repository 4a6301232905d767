/** Who takes part: bare relays, and sidecars around handlers that do nothing. */

import { buildAssemblyScript } from "@asya/plugins";
import { Process } from "./process.ts";
import { PythonRuntime } from "./python.ts";
import { type Contestant, NEXT } from "./race.ts";
import { EXCHANGE, type Scene } from "./scene.ts";

const WASM_NOOP = `import { input, output } from "asya";
export function handle(): i32 {
  output(input());
  return 0;
}
`;

/** The processes of one part; they end with it. */
export class Cast implements AsyncDisposable {
  readonly #stack = new AsyncDisposableStack();

  constructor(private readonly scene: Scene) {}

  /** A bare relay between two actors' queues. */
  async relay(name: string, prefetch: number, to: string = NEXT): Promise<Contestant> {
    await this.scene.declare(name, to);
    return { name, process: this.#stack.use(relayProcess(this.scene, name, to, prefetch)) };
  }

  /** A sidecar around a function in its own process. */
  inProcess(name: string, env: Record<string, string> = {}): Promise<Contestant> {
    return this.#sidecar("bench/broker/function_sidecar.ts", name, env);
  }

  /** A sidecar with a plugin. */
  async wasm(name: string, env: Record<string, string>): Promise<Contestant> {
    const dir = await Deno.makeTempDir({ prefix: "asya-bench-" });
    this.#stack.defer(() => Deno.remove(dir, { recursive: true }));
    await Deno.mkdir(`${dir}/assembly`);
    await Deno.writeTextFile(`${dir}/assembly/index.ts`, WASM_NOOP);
    const file = `${dir}/noop.wasm`;
    await Deno.writeFile(file, await buildAssemblyScript(`${dir}/assembly/index.ts`));
    // As many calls at once as an operator allows one worker.
    return await this.plugin(name, { ...env, ASYA_WASM_MODULE: file, ASYA_CONCURRENCY: "32" });
  }

  /** A sidecar with the plugin that its environment names. */
  plugin(name: string, env: Record<string, string>): Promise<Contestant> {
    return this.#sidecar("sidecar/main.ts", name, env);
  }

  /** A Python runtime. */
  async python(...options: Parameters<typeof PythonRuntime.start>): Promise<PythonRuntime> {
    return this.#stack.use(await PythonRuntime.start(...options));
  }

  /** A sidecar beside a runtime. */
  beside(
    { dir }: PythonRuntime,
    name: string,
    env: Record<string, string> = {},
  ): Promise<Contestant> {
    return this.#sidecar("sidecar/main.ts", name, { ...env, ASYA_SOCKET_DIR: dir });
  }

  /** Ends with the others. */
  use<T extends AsyncDisposable>(one: T): T {
    return this.#stack.use(one);
  }

  async #sidecar(main: string, name: string, env: Record<string, string>): Promise<Contestant> {
    await this.scene.declare(name, NEXT);
    return { name, process: this.#stack.use(sidecarProcess(this.scene, main, name, env)) };
  }

  /** Ends all processes. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack.disposeAsync();
  }
}

/** Starts a bare relay. */
export function relayProcess(scene: Scene, from: string, to: string, prefetch: number): Process {
  const args = [scene.url, scene.queue(from), EXCHANGE, scene.key(to), `${prefetch}`];
  return Process.module("bench/broker/relay.ts", { args });
}

/** Starts a sidecar. */
export function sidecarProcess(
  scene: Scene,
  main: string,
  name: string,
  env: Record<string, string> = {},
): Process {
  return Process.module(main, { env: { ...scene.env, ASYA_ACTOR_NAME: name, ...env } });
}
