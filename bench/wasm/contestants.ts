/** The same module, called in several ways. */

import createPlugin from "@extism/extism";
import { loadPlugin, type PluginOptions } from "@asya/plugins";

const MiB = 1024 * 1024;

/** One way to call a module. */
export interface Contestant {
  readonly name: string;
  call(input: Uint8Array): Promise<Uint8Array> | Uint8Array;
  close(): Promise<void>;
}

/** How the host loads a module for these figures; the limits are those of a sidecar. */
export function optionsOf(module: Uint8Array, options: Partial<PluginOptions> = {}): PluginOptions {
  return {
    module,
    functionName: "handle",
    config: {},
    workers: 1,
    level: "worker",
    allowedHosts: [],
    stateBytes: 0,
    ...options,
    limits: {
      timeoutMs: options.level === "inline" ? 100 : 1_000,
      startMs: 10_000,
      memoryBytes: 64 * MiB,
      kernelBytes: 64 * MiB,
      moduleBytes: 64 * MiB,
      outputBytes: 64 * MiB,
      ...options.limits,
    },
  };
}

/** Our host. */
export async function ours(
  name: string,
  module: Uint8Array,
  options: Partial<PluginOptions>,
): Promise<Contestant> {
  const plugin = await loadPlugin(optionsOf(module, options));
  return {
    name,
    call: (input) => plugin.call({ input, context: { "asya.id": "bench" } }),
    close: () => plugin.close(),
  };
}

/** The package as it comes: no time limit, no threads. */
export async function plainPackage(name: string, module: Uint8Array): Promise<Contestant> {
  const plugin = await createPlugin({ wasm: [{ data: new Uint8Array(module) }] }, {});
  return {
    name,
    call: async (input) => (await plugin.call("handle", input))!.bytes(),
    close: () => plugin.close(),
  };
}

/**
 * The module and the least that it needs: blocks in one growing array, no bounds on anything. What
 * the module imports beside that is answered with zero.
 */
export function bare(name: string, module: Uint8Array): Contestant {
  const compiled = new WebAssembly.Module(new Uint8Array(module));
  let memory = new DataView(new ArrayBuffer(1 << 16));
  let top = 8;
  let input = { at: 0, length: 0 };
  let output = { at: 0, length: 0 };
  const alloc = (length: number) => {
    const at = top + 8;
    top = at + (length + 7 & ~7);
    if (top > memory.byteLength) {
      const grown = new Uint8Array(Math.max(top, 2 * memory.byteLength));
      grown.set(new Uint8Array(memory.buffer));
      memory = new DataView(grown.buffer);
    }
    memory.setUint32(at - 8, length, true);
    return at;
  };
  const env: Record<string, CallableFunction> = {
    alloc: (length: bigint) => BigInt(alloc(Number(length))),
    free: () => {},
    length: (at: bigint) => BigInt(memory.getUint32(Number(at) - 8, true)),
    load_u8: (at: bigint) => memory.getUint8(Number(at)),
    load_u64: (at: bigint) => memory.getBigUint64(Number(at), true),
    store_u8: (at: bigint, value: number) => memory.setUint8(Number(at), value),
    store_u64: (at: bigint, value: bigint) => memory.setBigUint64(Number(at), value, true),
    input_length: () => BigInt(input.length),
    input_load_u8: (at: bigint) => memory.getUint8(input.at + Number(at)),
    input_load_u64: (at: bigint) => memory.getBigUint64(input.at + Number(at), true),
    output_set: (at: bigint, length: bigint) => output = { at: Number(at), length: Number(length) },
  };
  const imports: WebAssembly.Imports = {};
  for (const { module: namespace, name } of WebAssembly.Module.imports(compiled)) {
    const wide = /^(length_unsafe|error_get|config_get|var_get|input_offset)$/.test(name);
    const run = env[name] ?? (() => wide ? 0n : 0);
    (imports[namespace] ??= {})[name] = run as WebAssembly.ImportValue;
  }
  const { exports } = new WebAssembly.Instance(compiled, imports);
  const run = exports.handle as () => unknown;
  return {
    name,
    call(bytes) {
      top = 8;
      input = { at: alloc(bytes.length), length: bytes.length };
      new Uint8Array(memory.buffer).set(bytes, input.at);
      run();
      return new Uint8Array(memory.buffer, output.at, output.length).slice();
    },
    close: () => Promise.resolve(),
  };
}
