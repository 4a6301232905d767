/** What a case is, and what it is given. */

import { Caller } from "./caller.ts";
import { exchange1 } from "./caller.ts";
import { Peer, type Transcript } from "./peer.ts";
import { type Setup, Subject, type Target } from "./subject.ts";

/** What a runtime can do, each with a verdict of its own. */
export const CAPABILITIES = [
  "version 1",
  "version 2",
  "framing",
  "payload fidelity",
  "errors",
  "fan-out",
  "envelope mode",
  "concurrency",
  "cancel",
  "streaming",
  "metrics",
  "batching",
  "out of memory",
  "crash",
  "drain",
  "readiness",
  "bad input",
] as const;

/** One of {@linkcode CAPABILITIES}. */
export type Capability = typeof CAPABILITIES[number];

/** What a running case has. */
export interface Scene {
  readonly target: Target;
  /** The running runtime, ready, with the case's setup. */
  readonly subject: Subject;
  readonly sent: Transcript;
  /** A raw connection. */
  peer(): Promise<Peer>;
  /** A welcomed call connection. */
  caller(maxFrame?: number): Promise<Caller>;
  /** A welcomed control connection. */
  control(): Promise<Caller>;
  /** A version 1 exchange; the answer's text. */
  exchange1(message: string | Uint8Array, ms?: number): Promise<string>;
}

/** One promise of the protocol. */
export interface Case {
  readonly capability: Capability;
  /** A sentence about the runtime. */
  readonly name: string;
  readonly setup: Setup;
  /** Whether it needs a process of its own, because it ends or disturbs it. */
  readonly alone?: boolean;
  /** Another capability without which it cannot be tried. */
  readonly needs?: Capability;
  /** @throws Fault */
  run(scene: Scene): Promise<void>;
}

/** A case whose runtime it starts itself: `start` gives it one that need not be ready. */
export interface LifeCase extends Omit<Case, "run" | "alone"> {
  run(scene: LifeScene): Promise<void>;
}

/** What a case about a process' life has. */
export interface LifeScene {
  readonly target: Target;
  readonly sent: Transcript;
  /** Starts a runtime with the case's setup; it ends with the case. */
  start(more?: Readonly<Record<string, string>>, folder?: string): Promise<Subject>;
}

/** The scene of a case on a runtime that is ready. */
export function sceneOf(
  target: Target,
  subject: Subject,
  sent: Transcript,
  stack: DisposableStack,
): Scene {
  return {
    target,
    subject,
    sent,
    peer: async () => stack.use(await Peer.open(subject.socket, sent)),
    caller: async (maxFrame) =>
      stack.use(await Caller.open(subject.socket, sent, "call", maxFrame)),
    control: async () => stack.use(await Caller.open(subject.socket, sent, "control")),
    exchange1: (message, ms) => exchange1(subject.socket, sent, message, ms),
  };
}
