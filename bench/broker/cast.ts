/** Who takes part: bare relays, and sidecars around handlers that do nothing. */

import { buildAssemblyScript } from "@asya/plugins";
import type { Process } from "./process.ts";
import { type Program, startProgram } from "./programs.ts";
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
    return { name, process: this.#stack.use(await relayProcess(this.scene, name, to, prefetch)) };
  }

  /** A sidecar around a function in its own process. */
  inProcess(name: string, env: Record<string, string> = {}): Promise<Contestant> {
    return this.#sidecar("bench/broker/function_sidecar", name, env);
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
    return this.#sidecar("sidecar/main", name, env);
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
    return this.#sidecar("sidecar/main", name, { ...env, ASYA_SOCKET_DIR: dir });
  }

  /** Ends with the others. */
  use<T extends AsyncDisposable>(one: T): T {
    return this.#stack.use(one);
  }

  async #sidecar(
    program: Program,
    name: string,
    env: Record<string, string>,
  ): Promise<Contestant> {
    await this.scene.declare(name, NEXT);
    return { name, process: this.#stack.use(await sidecarProcess(this.scene, program, name, env)) };
  }

  /** Ends all processes. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack.disposeAsync();
  }
}

/** Starts a bare relay. */
export function relayProcess(
  scene: Scene,
  from: string,
  to: string,
  prefetch: number,
): Promise<Process> {
  const args = [scene.url, scene.queue(from), EXCHANGE, scene.key(to), `${prefetch}`];
  return startProgram("bench/broker/relay", { args });
}

/** Starts a sidecar. */
export function sidecarProcess(
  scene: Scene,
  program: Program,
  name: string,
  env: Record<string, string> = {},
): Promise<Process> {
  return startProgram(program, { env: { ...scene.env, ASYA_ACTOR_NAME: name, ...env } });
}
