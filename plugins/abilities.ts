/** What a plugin can have its host do, by what it imports for it; for people who want to know first. */

import type { Prepared } from "./host/prepare.ts";

/** Something that a module can have its host do, by the functions that it imports for it. */
export interface Ability {
  /** What it lets the module do, in a few words. */
  readonly what: string;
  /** What bounds it. */
  readonly bound: string;
  /** The imported functions; empty: the module cannot do this. For a script: what it may call. */
  readonly imports: readonly string[];
}

interface AbilityRule {
  readonly what: string;
  readonly bound: string;
  /** Imported functions that give it, as `namespace.name`. */
  readonly imports: RegExp;
  /** How a script comes by it. */
  readonly script: readonly string[];
}

/** Every function that this host offers belongs to one of them. */
const ABILITIES: readonly AbilityRule[] = [
  {
    what: "read its input, answer, fail",
    bound: "within the limits of input and output",
    imports: /^extism:host\/env\.(input|output|error|alloc|free|length|load|store|reset|memory)/,
    script: ["payload", "return", "throw"],
  },
  {
    what: "read its settings",
    bound: "those of its actor and of the call, nothing of the environment",
    imports: /^extism:host\/env\.config_/,
    script: ["context.config"],
  },
  {
    what: "write log lines",
    bound: "a limited number a call",
    imports: /^(extism:host\/env\.(log_|get_log)|wasi_snapshot_preview1\.fd_(write|fdstat|close))/,
    script: ["console"],
  },
  {
    what: "keep variables",
    bound: "1 MiB, in one worker",
    imports: /^extism:host\/env\.var_/,
    script: [],
  },
  {
    what: "call HTTP",
    bound: "the hosts in allowedHosts, none by default",
    imports: /^extism:host\/env\.http_/,
    script: ["context.http"],
  },
  {
    what: "keep state",
    bound: "of its actor, which has none by default",
    imports: /^asya:host\.state_/,
    script: ["context.state"],
  },
  {
    what: "send partial results",
    bound: "of its own call",
    imports: /^asya:host\.partial/,
    script: ["context.partial"],
  },
  {
    what: "report metrics",
    bound: "those that its actor declares",
    imports: /^asya:host\.metric/,
    script: ["context.metric"],
  },
  {
    what: "read clocks",
    bound: "of the machine",
    imports: /^wasi_snapshot_preview1\.clock_/,
    script: ["Date"],
  },
  {
    what: "read random bytes",
    bound: "within the time limit of its call",
    imports: /^wasi_snapshot_preview1\.random_/,
    script: ["Math.random"],
  },
  {
    what: "wait",
    bound: "within the time limit of its call",
    imports: /^wasi_snapshot_preview1\.(poll|sched)_/,
    script: [],
  },
  {
    what: "call WASI for files, arguments and environment",
    bound: "it is told that there are none",
    imports: /^wasi_snapshot_preview1\.(?!clock_|random_|poll_|sched_|fd_(write|fdstat|close))/,
    script: [],
  },
];

/** Every ability, with the imports that give it to a module; those without imports it has not. */
export function abilitiesOf(imports: Prepared["imports"]): Ability[] {
  return ABILITIES.map(({ what, bound, imports: gives }) => {
    const names = imports.filter(({ module, name }) => gives.test(`${module}.${name}`))
      .map(({ name }) => name);
    return { what, bound, imports: [...new Set(names)].sort() };
  });
}

/** The same for a script, which may use all that its engine offers. */
export const SCRIPT_ABILITIES: readonly Ability[] = ABILITIES.map(({ what, bound, script }) => ({
  what,
  bound,
  imports: script,
}));
