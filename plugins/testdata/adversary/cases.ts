/** What each hostile guest of this folder must end in. */

import type { PluginErrorCode, PluginLevel, PluginOptions } from "../../plugin.ts";
import { wrapScript } from "../../script.ts";
import { assemble } from "../../host/testdata/assemble.ts";

/** How loading or a call ends; `fine`: with an answer. */
export type Ending = "fine" | readonly [code: PluginErrorCode, message: RegExp];

/** One hostile guest. */
export interface Case {
  readonly file: string;
  readonly functionName: string;
  readonly ends: Ending;
  /** Whether it is refused before there is a call. */
  readonly at: "load" | "call";
  readonly levels: readonly PluginLevel[];
  readonly options: Partial<PluginOptions>;
}

interface Source extends Partial<Pick<Case, "at" | "levels" | "options">> {
  readonly file: string;
  /** By the name of the function. */
  readonly ends: Readonly<Record<string, Ending>>;
}

/** Bounds of all guests here, so small that they reach them soon. */
export const LIMITS = {
  timeoutMs: 100,
  startMs: 5_000,
  memoryBytes: 4 * 1024 * 1024,
  kernelBytes: 2_000_000,
  moduleBytes: 100_000,
  outputBytes: 200_000,
};

const STATE_BYTES = 1_000_000;
const BOTH: readonly PluginLevel[] = ["worker", "inline"];

/** For guests that end at another limit: a busy machine must not end them at that on time. */
const PATIENT = { limits: { ...LIMITS, timeoutMs: 5_000 } };
const PATIENT_WORKER = { levels: ["worker"], options: PATIENT } as const;

/** For guests that spin before there is a call. */
const SHORT_START = { at: "load", options: { limits: { ...LIMITS, startMs: 100 } } } as const;

const TIMEOUT: Ending = ["timeout", /^interrupted after 100 ms$/];
const HOST_MEMORY: Ending = [
  "memory_limit",
  /^the call needs more than 2000000 bytes of host memory$/,
];
const NO_BLOCK: Ending = ["trap", /^the guest passed \d+, which is no block$/];
const OFTEN: Ending = ["host_limit", /^the call asked its host more than 10000 times$/];
const STACK: Ending = ["trap", /^the guest's stack is exhausted/];
const BEYOND: Ending = ["trap", /^memory access out of bounds$/];
const VARIABLES: Ending = ["memory_limit", /^variables hold more than 1048576 bytes$/];

function refused(message: RegExp): Record<string, Ending> {
  return { handle: ["invalid_module", message] };
}

const SOURCES: readonly Source[] = [
  {
    file: "endless.wat",
    ends: {
      spin: TIMEOUT,
      spin_after_log: TIMEOUT,
      spin_after_config_get: TIMEOUT,
      spin_after_var_get: TIMEOUT,
      spin_after_state_get: TIMEOUT,
      spin_after_output: TIMEOUT,
      spin_after_error: TIMEOUT,
      fill: TIMEOUT,
      move_bytes: TIMEOUT,
      set_outputs: TIMEOUT,
      set_errors: TIMEOUT,
      poll: TIMEOUT,
      poll_many: TIMEOUT,
      clock: TIMEOUT,
      random: TIMEOUT,
      yield: TIMEOUT,
      sleep: "fine",
    },
  },
  { file: "start_spin.wat", ...SHORT_START, ends: { handle: TIMEOUT } },
  { file: "initialize_spin.wat", ...SHORT_START, ends: { handle: TIMEOUT } },
  { file: "main_spin.wat", ...SHORT_START, ends: { handle: TIMEOUT } },
  { file: "initialize_hog.wat", at: "load", ends: { handle: HOST_MEMORY } },
  {
    file: "initialize_asks.wat",
    at: "load",
    ends: { handle: ["denied", /^start-up code may not ask its host/] },
  },
  { file: "start_trap.wat", at: "load", ends: { handle: ["trap", /^unreachable$/] } },
  {
    file: "main_exit.wat",
    at: "load",
    ends: { handle: ["guest_error", /^the guest exited with status 3$/] },
  },
  {
    file: "memory.wat",
    ends: {
      grow_by_one: ["memory_limit", /holds 4194304 of 4194304 bytes$/],
      grow_too_far: "fine",
      grow_and_keep: "fine",
      leak: "fine",
      load_beyond: BEYOND,
      load_far_beyond: BEYOND,
      store_beyond: BEYOND,
      fill_beyond: BEYOND,
      copy_beyond: BEYOND,
      grow_table: ["guest_error", /^grow_table\(\) returned -1$/],
      grow_table_by_one: ["trap", /^unreachable$/],
      call_beyond: ["trap", /^table index is out of bounds$/],
      call_nothing: ["trap", /^null function/],
      divide: ["trap", /^divide by zero$/],
      convert: ["trap", /^float unrepresentable in integer range$/],
    },
  },
  {
    file: "minimum.wat",
    at: "load",
    ends: { handle: ["memory_limit", /^the module starts with 4294901760 bytes of memory/] },
  },
  {
    file: "minimum_by_one.wat",
    at: "load",
    ends: { handle: ["memory_limit", /^the module starts with 4259840 bytes/] },
  },
  { file: "table.wat", at: "load", ends: refused(/its tables hold more than 131072 entries$/) },
  { file: "tables.wat", at: "load", ends: refused(/its tables hold more than 131072 entries$/) },
  {
    file: "kernel.wat",
    ends: {
      alloc_hog: HOST_MEMORY,
      alloc_tiny: HOST_MEMORY,
      alloc_and_free: HOST_MEMORY,
      alloc_negative: HOST_MEMORY,
      alloc_minus_one: HOST_MEMORY,
      alloc_smallest: HOST_MEMORY,
      alloc_32_bits: HOST_MEMORY,
      alloc_33_bits: HOST_MEMORY,
      alloc_nothing: "fine",
      guess_block: NO_BLOCK,
      guess_beyond: NO_BLOCK,
      guess_wrapped: NO_BLOCK,
      guess_33_bits: NO_BLOCK,
      last_byte: "fine",
      byte_after: NO_BLOCK,
      word_across: NO_BLOCK,
      forge_long: NO_BLOCK,
      forge_by_one: NO_BLOCK,
      forge_short: "fine",
      forge_input: NO_BLOCK,
      unaligned_block: NO_BLOCK,
      erase_everything: "fine",
      double_free: "fine",
      free_nonsense: "fine",
      use_after_free: "fine",
    },
  },
  {
    file: "stack.wat",
    ends: {
      recurse: STACK,
      indirect: STACK,
      answering: STACK,
      drawing: STACK,
      count_down: "fine",
      host_through_table: HOST_MEMORY,
      host_of_another_type: ["trap", /function signature mismatch$/],
      function_as_key: ["trap", /./],
      function_as_address: "fine",
      function_as_status: ["guest_error", /./],
      function_as_result: ["guest_error", /returned function/],
    },
  },
  {
    file: "outputs.wat",
    ends: {
      huge: ["output_limit", /^the output has 200001 bytes; its limit is 200000$/],
      beyond: ["trap", /reaches beyond its block$/],
      nowhere: NO_BLOCK,
      negative: ["output_limit", /; its limit is 200000$/],
      negative_place: NO_BLOCK,
      again_and_again: "fine",
      no_utf8: "fine",
      no_json: "fine",
      half_json: "fine",
      half_character: "fine",
      nul_bytes: "fine",
      nested: "fine",
      error_nowhere: NO_BLOCK,
      error_no_utf8: ["guest_error", /^(\ufffd){8}$/],
      partial_no_json: "fine", // whoever passes it on looks
      partial_nowhere: NO_BLOCK,
      partial_count: ["host_limit", /1000 partial results/],
      exit: ["guest_error", /^the guest exited with status 5$/],
      exit_well: ["guest_error", /^the guest exited with status 0$/],
      status: ["guest_error", /^status\(\) returned 3$/],
      not_a_number: ["guest_error", /^not_a_number\(\) returned NaN$/],
      several: ["guest_error", /returned 0,0$/],
      reference: ["guest_error", /returned function/],
      nothing_referred_to: "fine",
      vector: ["trap", /type incompatibility/],
    },
  },
  {
    file: "outputs.wat",
    at: "load",
    ends: {
      parameters: ["invalid_module", /^parameters\(\) takes parameters; a handler has none$/],
    },
  },
  {
    file: "outputs.wat",
    ...PATIENT_WORKER,
    ends: { partial_bytes: ["host_limit", /16777216 bytes of them$/] },
  },
  {
    file: "floods.wat",
    ...PATIENT_WORKER,
    ends: { state_get: OFTEN, log: OFTEN, log_nothing: OFTEN, config_get: OFTEN, var_get: OFTEN },
  },
  {
    file: "floods.wat",
    options: { config: { thelarge: "x".repeat(10_000) } },
    ends: {
      log_lines: "fine",
      log_bytes: "fine",
      print: "fine",
      large_config_get: HOST_MEMORY,
      large_var_get: HOST_MEMORY,
      var_set_many: VARIABLES,
      var_set_large: VARIABLES,
      var_key_large: ["host_limit", /^a text for the host has 600000 bytes; its limit is 65536$/],
      state_set_large: ["host_limit", /its limit is 1000000$/],
      state_key_long: ["host_limit", /^a key of state may have 1024 bytes$/],
      metric: ["guest_error", /^the metric is not an object$/],
      http_headers: OFTEN,
      http_status_code: OFTEN,
    },
  },
  {
    file: "floods.wat",
    ...PATIENT_WORKER,
    ends: {
      var_set_same: OFTEN,
      state_set_many: [
        "host_limit",
        /^the actor's state would have \d+ bytes; its limit is 1000000$/,
      ],
    },
  },
  {
    file: "floods.wat",
    options: { stateBytes: 0 },
    ends: { state_once: ["denied", /^the actor may keep no state/] },
  },
  { file: "imported_memory.wat", at: "load", ends: refused(/only functions may be imported$/) },
  { file: "imported_table.wat", at: "load", ends: refused(/only functions may be imported$/) },
  { file: "imported_global.wat", at: "load", ends: refused(/only functions may be imported$/) },
  { file: "imported_tag.wat", at: "load", ends: refused(/only functions may be imported$/) },
  { file: "unknown_import.wat", at: "load", ends: refused(/which this host does not offer$/) },
  { file: "other_wasi.wat", at: "load", ends: refused(/another WASI than preview 1/) },
  { file: "shared_memory.wat", at: "load", ends: refused(/a shared or 64-bit memory/) },
  { file: "memory64.wat", at: "load", ends: refused(/a shared or 64-bit memory/) },
  { file: "two_memories.wat", at: "load", ends: refused(/more than one memory/) },
  { file: "table64.wat", at: "load", ends: refused(/a shared or 64-bit table/) },
  { file: "structs.wat", at: "load", ends: refused(/garbage-collected types/) },
  { file: "arrays.wat", at: "load", ends: refused(/garbage-collected types/) },
  { file: "exceptions.wat", at: "load", ends: refused(/exception handling/) },
  { file: "spin.js", levels: ["worker"], ends: { default: TIMEOUT } },
  {
    file: "hog.js",
    ...PATIENT_WORKER,
    ends: { default: ["memory_limit", /^out of memory; the limit is 4194304 bytes$/] },
  },
];

/** All of them. */
export const CASES: readonly Case[] = SOURCES.flatMap(
  ({ file, ends, at = "call", levels = BOTH, options = {} }) =>
    Object.entries(ends).map(([functionName, ending]) => ({
      file,
      functionName,
      ends: ending,
      at,
      levels,
      options,
    })),
);

const modules = new Map<string, Uint8Array<ArrayBuffer>>();

function build(file: string): Uint8Array<ArrayBuffer> {
  const text = Deno.readTextFileSync(new URL(file, import.meta.url));
  return file.endsWith(".js") ? wrapScript(text) : assemble(text);
}

/** The module of one of the sources here. */
export function adversary(file: string): Uint8Array<ArrayBuffer> {
  const module = modules.get(file) ?? build(file);
  modules.set(file, module);
  return module;
}

/** What a case is loaded with. */
export function optionsOf(
  { file, functionName, ends, options }: Case,
  level: PluginLevel,
): PluginOptions {
  return {
    module: adversary(file),
    functionName,
    config: {},
    workers: 1,
    level,
    allowedHosts: [],
    stateBytes: STATE_BYTES,
    // What reaches another limit first may take its time, on a busy machine too.
    limits: level === "worker" && ends !== TIMEOUT ? PATIENT.limits : LIMITS,
    ...options,
  };
}
