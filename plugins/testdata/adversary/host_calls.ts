/** Modules that call any function of the host with whatever their input says. */

import { OFFERED } from "../../host/environment.ts";
import { assemble } from "../../host/testdata/assemble.ts";
import { WASI_NAMESPACE, wasiFunctions } from "../../host/wasi.ts";

/** Types of parameters, and of the result: i is i32, l is i64. */
const SIGNATURES: Readonly<Record<string, readonly [parameters: string, result?: "i" | "l"]>> = {
  alloc: ["l", "l"],
  free: ["l"],
  length: ["l", "l"],
  length_unsafe: ["l", "l"],
  load_u8: ["l", "i"],
  load_u64: ["l", "l"],
  store_u8: ["li"],
  store_u64: ["ll"],
  input_offset: ["", "l"],
  input_length: ["", "l"],
  input_load_u8: ["l", "i"],
  input_load_u64: ["l", "l"],
  output_set: ["ll"],
  error_set: ["l"],
  error_get: ["", "l"],
  get_log_level: ["", "i"],
  config_get: ["l", "l"],
  var_get: ["l", "l"],
  var_set: ["ll"],
  http_request: ["ll", "l"],
  http_status_code: ["", "i"],
  http_headers: ["", "l"],
  log_trace: ["l"],
  log_debug: ["l"],
  log_info: ["l"],
  log_warn: ["l"],
  log_error: ["l"],
  state_get: ["l", "l"],
  state_set: ["ll"],
  partial: ["l"],
  metric: ["l"],
  args_get: ["ii", "i"],
  args_sizes_get: ["ii", "i"],
  environ_get: ["ii", "i"],
  environ_sizes_get: ["ii", "i"],
  clock_res_get: ["ii", "i"],
  clock_time_get: ["ili", "i"],
  random_get: ["ii", "i"],
  sched_yield: ["", "i"],
  proc_exit: ["i"],
  proc_raise: ["i", "i"],
  poll_oneoff: ["iiii", "i"],
  fd_advise: ["illi", "i"],
  fd_allocate: ["ill", "i"],
  fd_close: ["i", "i"],
  fd_datasync: ["i", "i"],
  fd_fdstat_get: ["ii", "i"],
  fd_fdstat_set_flags: ["ii", "i"],
  fd_fdstat_set_rights: ["ill", "i"],
  fd_filestat_get: ["ii", "i"],
  fd_filestat_set_size: ["il", "i"],
  fd_filestat_set_times: ["illi", "i"],
  fd_pread: ["iiili", "i"],
  fd_prestat_dir_name: ["iii", "i"],
  fd_prestat_get: ["ii", "i"],
  fd_pwrite: ["iiili", "i"],
  fd_read: ["iiii", "i"],
  fd_readdir: ["iiili", "i"],
  fd_renumber: ["ii", "i"],
  fd_seek: ["ilii", "i"],
  fd_sync: ["i", "i"],
  fd_tell: ["ii", "i"],
  fd_write: ["iiii", "i"],
  path_create_directory: ["iii", "i"],
  path_filestat_get: ["iiiii", "i"],
  path_filestat_set_times: ["iiiilli", "i"],
  path_link: ["iiiiiii", "i"],
  path_open: ["iiiiillii", "i"],
  path_readlink: ["iiiiii", "i"],
  path_remove_directory: ["iii", "i"],
  path_rename: ["iiiiii", "i"],
  path_symlink: ["iiiii", "i"],
  path_unlink_file: ["iii", "i"],
  sock_accept: ["iii", "i"],
  sock_recv: ["iiiiii", "i"],
  sock_send: ["iiiii", "i"],
  sock_shutdown: ["ii", "i"],
};

const TYPES = { i: "i32", l: "i64" } as const;

/** A function that a guest may import. */
export interface HostFunction {
  readonly namespace: string;
  readonly name: string;
  readonly parameters: string;
  readonly result: "i" | "l" | undefined;
}

const wasi = Object.keys(wasiFunctions({ memory: () => new ArrayBuffer(), write: () => {} }));

/** All of them. @throws Error when one is offered whose type is not known here */
export const HOST_FUNCTIONS: readonly HostFunction[] = Object
  .entries({ ...OFFERED, [WASI_NAMESPACE]: wasi })
  .flatMap(([namespace, names]) =>
    names.map((name) => {
      const signature = SIGNATURES[name];
      if (!signature) throw new Error(`the type of ${namespace} ${name} is missing here`);
      const [parameters, result] = signature;
      return { namespace, name, parameters, result };
    })
  );

function imported({ namespace, name, parameters, result }: HostFunction): string {
  const types = [...parameters].map((type) => ` (param ${TYPES[type as "i" | "l"]})`).join("");
  const results = result ? ` (result ${TYPES[result]})` : "";
  return `(import "${namespace}" "${name}" (func $${name}${types}${results}))`;
}

function called({ name, parameters, result }: HostFunction): string {
  const values = [...parameters].map((type, n) => {
    const word = `(call $input_load_u64 (i64.const ${8 * (n + 1)}))`;
    return type === "l" ? word : `(i32.wrap_i64 ${word})`;
  });
  const call = `(call $${name} ${values.join(" ")})`;
  return result ? `(drop ${call})` : call;
}

/**
 * Its function `handle` reads words of eight bytes: the first is the number of the function in
 * {@linkcode HOST_FUNCTIONS}, then come the values for it. Any other number: it answers with its
 * input.
 */
export function callerModule(): Uint8Array<ArrayBuffer> {
  const cases = HOST_FUNCTIONS.map((one, n) =>
    `(if (i64.eq (local.get $which) (i64.const ${n})) (then ${called(one)} (return)))`
  );
  return assemble(`(module
    ${HOST_FUNCTIONS.map(imported).join("\n")}
    (memory (export "memory") 1)
    (func (export "handle")
      (local $which i64)
      (local.set $which (call $input_load_u64 (i64.const 0)))
      ${cases.join("\n")}
      (call $output_set (call $input_offset) (call $input_length))))`);
}

/** The input for {@linkcode callerModule}. */
export function callerInput(words: readonly bigint[]): Uint8Array {
  return new Uint8Array(BigUint64Array.from(words, (word) => BigInt.asUintN(64, word)).buffer);
}
