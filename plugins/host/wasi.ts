/**
 * The part of WASI preview 1 that a pure function may have: a clock, random bytes, and output that
 * becomes log lines. No files, no arguments, no environment, and nothing that blocks.
 * https://github.com/WebAssembly/WASI/blob/main/legacy/preview1/docs.md
 */

/** Namespace of WASI preview 1. */
export const WASI_NAMESPACE = "wasi_snapshot_preview1";

const SUCCESS = 0;
const BAD_FILE_DESCRIPTOR = 8;
const NOT_SUPPORTED = 58;

const SUBSCRIPTION_BYTES = 48;
const EVENT_BYTES = 32;
const CLOCK_EVENT = 0;

/** `getRandomValues` takes at most this many bytes at once. */
const RANDOM_CHUNK = 65_536;

/** Thrown by `proc_exit`, to leave the guest. */
export class GuestExit extends Error {
  override readonly name = "GuestExit";
  readonly code = "guest_exit";
  constructor(readonly status: number) {
    super(`the guest exited with status ${status}`);
  }
}

/** What the functions need of their surroundings. */
export interface WasiHost {
  /** The guest's memory as it is now: growing replaces its buffer. */
  memory(): ArrayBuffer;
  /** Receives what the guest writes to standard output (1) and standard error (2). */
  write(descriptor: number, bytes: Uint8Array): void;
}

/** A function that a guest imports: its parameters are numbers or bigints, as its type in Wasm says. */
// deno-lint-ignore no-explicit-any
export type GuestImport = (...values: any[]) => number | bigint | void;

/** The functions of `wasi_snapshot_preview1` by name. */
export function wasiFunctions(host: WasiHost): Record<string, GuestImport> {
  const view = () => new DataView(host.memory());
  const zero = (...addresses: number[]) => {
    for (const address of addresses) view().setUint32(address >>> 0, 0, true);
    return SUCCESS;
  };
  const noFile = () => BAD_FILE_DESCRIPTOR;
  const unsupported = () => NOT_SUPPORTED;

  const functions: Record<string, GuestImport> = {
    args_get: () => SUCCESS,
    args_sizes_get: (count: number, bytes: number) => zero(count, bytes),
    environ_get: () => SUCCESS,
    environ_sizes_get: (count: number, bytes: number) => zero(count, bytes),
    clock_res_get: (_clock: number, out: number) => {
      view().setBigUint64(out >>> 0, 1_000n, true);
      return SUCCESS;
    },
    clock_time_get: (clock: number, _precision: bigint, out: number) => {
      const ms = clock === 0 ? Date.now() : performance.now();
      view().setBigUint64(out >>> 0, BigInt(Math.round(ms * 1e6)), true);
      return SUCCESS;
    },
    random_get: (out: number, length: number) => {
      const bytes = new Uint8Array(host.memory(), out >>> 0, length >>> 0);
      for (let at = 0; at < bytes.length; at += RANDOM_CHUNK) {
        crypto.getRandomValues(bytes.subarray(at, at + RANDOM_CHUNK));
      }
      return SUCCESS;
    },
    fd_write: (descriptor: number, vectors: number, count: number, written: number) => {
      if (descriptor !== 1 && descriptor !== 2) return BAD_FILE_DESCRIPTOR;
      const memory = view();
      let total = 0;
      for (let i = 0; i < count >>> 0; i++) {
        const start = memory.getUint32((vectors >>> 0) + 8 * i, true);
        const length = memory.getUint32((vectors >>> 0) + 8 * i + 4, true);
        host.write(descriptor, new Uint8Array(memory.buffer as ArrayBuffer, start, length));
        total += length;
      }
      memory.setUint32(written >>> 0, total, true);
      return SUCCESS;
    },
    fd_read: (descriptor: number, _vectors: number, _count: number, read: number) =>
      descriptor === 0 ? zero(read) : BAD_FILE_DESCRIPTOR,
    // Time-outs are over at once: waiting would hold a worker that could do other calls.
    poll_oneoff: (subscriptions: number, events: number, count: number, happened: number) => {
      const memory = view();
      for (let i = 0; i < count >>> 0; i++) {
        const from = (subscriptions >>> 0) + SUBSCRIPTION_BYTES * i;
        const to = (events >>> 0) + EVENT_BYTES * i;
        const type = memory.getUint8(from + 8);
        const error = type === CLOCK_EVENT ? SUCCESS : BAD_FILE_DESCRIPTOR;
        memory.setBigUint64(to, memory.getBigUint64(from, true), true);
        memory.setUint16(to + 8, error, true);
        memory.setUint8(to + 10, type);
      }
      memory.setUint32(happened >>> 0, count, true);
      return SUCCESS;
    },
    sched_yield: () => SUCCESS,
    proc_exit: (status: number) => {
      throw new GuestExit(status);
    },
  };
  for (const name of FILE_FUNCTIONS) functions[name] = noFile;
  for (const name of UNSUPPORTED_FUNCTIONS) functions[name] = unsupported;
  return functions;
}

const FILE_FUNCTIONS = `fd_advise fd_allocate fd_close fd_datasync fd_fdstat_get
  fd_fdstat_set_flags fd_fdstat_set_rights fd_filestat_get fd_filestat_set_size
  fd_filestat_set_times fd_pread fd_prestat_get fd_prestat_dir_name fd_pwrite fd_readdir fd_renumber
  fd_seek fd_sync fd_tell path_create_directory path_filestat_get path_filestat_set_times path_link
  path_open path_readlink path_remove_directory path_rename path_symlink path_unlink_file`
  .split(/\s+/);

const UNSUPPORTED_FUNCTIONS = `proc_raise sock_accept sock_recv sock_send sock_shutdown`
  .split(/\s+/);
