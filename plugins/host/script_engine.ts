/**
 * QuickJS, the engine that runs scripts: itself a WebAssembly module. It is compiled once in a
 * thread; each guest gets an instance of its own, so that one that was interrupted half-way can be
 * dropped whole. QuickJS does not know the sizes of its allocations here, so what bounds a script's
 * memory is the instance's own.
 */

import variant from "@jitl/quickjs-singlefile-mjs-release-sync";
import {
  newQuickJSWASMModuleFromVariant,
  type QuickJSSyncVariant,
  type QuickJSWASMModule,
} from "quickjs-emscripten-core";

/** Bytes of a page of linear memory. */
const PAGE_BYTES = 65_536;

/** Pages that the engine asks for at least. */
const FIRST_PAGES = 256;

/** The most that it can have. */
const MAX_PAGES = 32_768;

/** Set aside for what the engine does after memory ran out: make an error, describe it. */
const RESERVE_BYTES = 128 * 1024;

/** Memories of dropped engines that are kept for the next ones. */
const MAX_KEPT = 4;

/** What Emscripten made of the engine, as far as it concerns us. */
interface Instance {
  _malloc(bytes: number): number;
  _free(address: number): void;
}

type Loader = (options: Record<string, unknown>) => Promise<Instance>;

interface Compiled {
  readonly module: WebAssembly.Module;
  /** Below are its data and its stack, above is what it allocates. */
  readonly heapStart: number;
}

/** What the engine writes when it aborts; the error says it too. */
const silent = { print: () => {}, printErr: () => {} };

let compiled: Promise<Compiled> | undefined;

async function loaderOf({ importModuleLoader }: QuickJSSyncVariant): Promise<Loader> {
  const loaded: unknown = await importModuleLoader();
  const isModule = typeof loaded === "object" && loaded !== null && "default" in loaded;
  return (isModule ? loaded.default : loaded) as Loader;
}

/**
 * The package holds the engine as text and hands its bytes to nobody but `WebAssembly.instantiate`,
 * where they are picked up. The memory tells its call from those of others.
 */
async function compileEngine(): Promise<Compiled> {
  const load = await loaderOf(variant);
  const wasmMemory = new WebAssembly.Memory({ initial: FIRST_PAGES, maximum: FIRST_PAGES });
  const { instantiate } = WebAssembly;
  let module: WebAssembly.Module | undefined;
  const pickUp = async (code: BufferSource, imports?: WebAssembly.Imports) => {
    const spaces: WebAssembly.ModuleImports[] = Object.values(imports ?? {});
    if (!spaces.some((space) => Object.values(space).includes(wasmMemory))) {
      return await instantiate(code, imports);
    }
    module = await WebAssembly.compile(code);
    return { module, instance: await instantiate(module, imports) };
  };
  Object.assign(WebAssembly, { instantiate: pickUp });
  try {
    const first = await load({ ...silent, wasmMemory });
    if (module) return { module, heapStart: first._malloc(1) };
  } finally {
    Object.assign(WebAssembly, { instantiate });
  }
  throw new Error("the package of QuickJS no longer uses WebAssembly.instantiate");
}

/** By their largest size, in pages. */
const kept = new Map<number, WebAssembly.Memory>();

/**
 * Memory never shrinks, and the collector comes late to it: guests that fail one after another
 * would pile up. So a new engine takes over the memory of a dropped one. The engine clears what it
 * allocates where that matters, so only what lies below its heap must be as in new memory.
 */
function takeMemory(maximum: number, heapStart: number): WebAssembly.Memory {
  const memory = kept.get(maximum);
  if (!memory) return new WebAssembly.Memory({ initial: FIRST_PAGES, maximum });
  kept.delete(maximum);
  new Uint8Array(memory.buffer, 0, heapStart).fill(0);
  return memory;
}

/** An instance of the engine. */
export class ScriptEngine {
  #reserve: number;

  /** Use {@linkcode newEngine}. */
  constructor(
    readonly quickjs: QuickJSWASMModule,
    readonly maxPages: number,
    private readonly memory: WebAssembly.Memory,
    private readonly instance: Instance,
  ) {
    this.#reserve = instance._malloc(RESERVE_BYTES);
  }

  /** Bytes of its memory, and what that may grow to. */
  get use(): { bytes: number; limit: number } {
    return { bytes: this.memory.buffer.byteLength, limit: this.maxPages * PAGE_BYTES };
  }

  /** Whether so many bytes can be allocated. The package does not look whether it got any. */
  hasRoom(bytes: number): boolean {
    const address = this.instance._malloc(bytes);
    this.instance._free(address);
    return address !== 0;
  }

  /** Gives up the reserve, once, for an engine that will be dropped. */
  freeReserve(): void {
    this.instance._free(this.#reserve);
    this.#reserve = 0;
  }

  /** Drops the engine: it must not be touched again, because another one gets its memory. */
  drop(): void {
    if (kept.size < MAX_KEPT) kept.set(this.maxPages, this.memory);
  }
}

/**
 * Makes an instance, in about 2 ms; the first one of a thread takes 80.
 *
 * @param heapBytes all that may be allocated in it
 */
export async function newEngine(heapBytes: number): Promise<ScriptEngine> {
  const { module, heapStart } = await (compiled ??= compileEngine());
  const wanted = heapStart + heapBytes + RESERVE_BYTES;
  const maximum = Math.min(MAX_PAGES, Math.max(FIRST_PAGES, Math.ceil(wanted / PAGE_BYTES)));
  const load = await loaderOf(variant);
  const memory = takeMemory(maximum, heapStart);
  const instantiateWasm = (
    imports: WebAssembly.Imports,
    done: (instance: WebAssembly.Instance) => void,
  ) => {
    const created = new WebAssembly.Instance(module, imports);
    done(created);
    return created.exports;
  };
  let instance: Instance | undefined;
  const loadOurs = async () =>
    instance = await load({ ...silent, wasmMemory: memory, instantiateWasm });
  const quickjs = await newQuickJSWASMModuleFromVariant({
    ...variant,
    importModuleLoader: () => Promise.resolve(loadOurs as never),
  });
  // The engine has more memory than a low limit allows: the rest is taken away, never to be used.
  const surplus = maximum * PAGE_BYTES - wanted;
  if (surplus >= PAGE_BYTES) instance!._malloc(surplus);
  return new ScriptEngine(quickjs, maximum, memory, instance!);
}
