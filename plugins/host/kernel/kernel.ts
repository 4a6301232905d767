/** The memory that a guest and its host share, from the host's side. `kernel.wat` is the guest's. */

import { PluginError } from "../../plugin.ts";
import { PAGE_BYTES } from "../prepare.ts";
import { KERNEL } from "./module.ts";

/** What `kernel.wat` exports. */
interface KernelExports {
  readonly top: WebAssembly.Global;
  begin(limit: number): void;
  set_input(address: number, length: number): void;
  alloc(bytes: bigint): bigint;
  length(address: bigint): bigint;
}

/** Functions of the guest ABI that the kernel implements itself. */
export const KERNEL_FUNCTIONS: readonly string[] =
  `alloc free length length_unsafe load_u8 load_u64 store_u8 store_u64 input_offset input_length
  input_load_u8 input_load_u64`.split(/\s+/);

/** Compiles the kernel's module; done once, it can be sent to workers. */
export function compileKernel(): WebAssembly.Module {
  return new WebAssembly.Module(Uint8Array.fromBase64(KERNEL));
}

const encoder = new TextEncoder();

/** Blocks of bytes, bounded for each call and forgotten at the next one. */
export class Kernel {
  readonly #memory: WebAssembly.Memory;
  readonly #kernel: KernelExports & WebAssembly.Exports;

  /**
   * `limitBytes`: what the blocks of one call may take; `fail` throws what a guest is refused, after
   * it noted it: a guest may catch it.
   */
  constructor(
    module: WebAssembly.Module,
    private readonly limitBytes: number,
    fail: (error: PluginError) => never,
  ) {
    const maximum = Math.ceil(limitBytes / PAGE_BYTES) + 1;
    this.#memory = new WebAssembly.Memory({ initial: 1, maximum });
    const { exports } = new WebAssembly.Instance(module, {
      host: {
        memory: this.#memory,
        refuse_allocation: () => {
          const message = `the call needs more than ${limitBytes} bytes of host memory`;
          fail(new PluginError("memory_limit", message));
        },
        refuse_access: (address: bigint) => fail(noBlock(address)),
      },
    });
    this.#kernel = exports as KernelExports & WebAssembly.Exports;
  }

  /** What the guest imports. */
  get functions(): Record<string, WebAssembly.ImportValue> {
    return Object.fromEntries(KERNEL_FUNCTIONS.map((name) => [name, this.#kernel[name]!]));
  }

  /** Forgets all blocks and makes one of the input. @throws PluginError `memory_limit` */
  begin(input: Uint8Array): void {
    this.#kernel.begin(this.limitBytes);
    this.#kernel.set_input(Number(this.put(input)), input.length);
  }

  /** A new block with these bytes; 0 for none. @throws PluginError `memory_limit` */
  put(bytes: Uint8Array): bigint {
    const address = this.#kernel.alloc(BigInt(bytes.length));
    if (bytes.length > 0) new Uint8Array(this.#memory.buffer).set(bytes, Number(address));
    return address;
  }

  /** As {@linkcode put}. @throws PluginError `memory_limit` */
  putText(text: string): bigint {
    return this.put(encoder.encode(text));
  }

  /** The bytes of a block until the guest runs again; 0: none. @throws PluginError `trap`: no block */
  block(address: bigint): Uint8Array<ArrayBuffer> {
    const length = this.#kernel.length(address);
    if (length === 0n && address !== 0n) throw noBlock(address);
    return new Uint8Array(this.#memory.buffer as ArrayBuffer, Number(address), Number(length));
  }

  /**
   * Whether these bytes, anywhere among the blocks, were handed out.
   * @throws PluginError `trap`: some of them were not
   */
  check(address: bigint, length: number): void {
    const start = Number(BigInt.asUintN(64, address));
    const top = this.#kernel.top.value >>> 0;
    if (start >= top) throw noBlock(address);
    if (start + length <= top) return;
    throw new PluginError("trap", "the guest set an output that reaches beyond its block");
  }

  /** A copy of bytes that were checked. */
  copy(address: bigint, length: number): Uint8Array<ArrayBuffer> {
    return new Uint8Array(this.#memory.buffer as ArrayBuffer, Number(address), length).slice();
  }
}

function noBlock(address: bigint): PluginError {
  const shown = BigInt.asUintN(64, address);
  return new PluginError("trap", `the guest passed ${shown}, which is no block`);
}
