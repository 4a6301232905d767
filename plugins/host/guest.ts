/** One instance of a guest, whatever language it is written in, and what it may ask of its host. */

import type { PluginLimits } from "../plugin.ts";
import type { GuestLog } from "./guest_log.ts";
import type { HttpReply, HttpRequest } from "./http.ts";

/** How to make a guest. */
export interface GuestOptions {
  readonly code: GuestCode;
  readonly functionName: string;
  readonly config: Readonly<Record<string, string>>;
  readonly limits: PluginLimits;
}

/** A compiled module, or JavaScript for the engine that runs it. Both can be sent to a worker. */
export type GuestCode =
  | {
    readonly kind: "wasm";
    readonly module: WebAssembly.Module;
    /** As `compileKernel` makes it. */
    readonly kernel: WebAssembly.Module;
  }
  | { readonly kind: "script"; readonly source: string };

/** One call of a guest. */
export interface GuestCall {
  /** The payload's JSON (envelope mode: the envelope's). */
  readonly input: Uint8Array;
  /** Settings of this call, found before those of the actor. */
  readonly context: Readonly<Record<string, string>>;
  readonly limitMs: number;
  readonly log: GuestLog;
  readonly host: HostCalls;
}

/**
 * What a guest may ask of its host during a call. Everything is synchronous: a guest waits, and its
 * time limit goes on. Each of them throws a PluginError, which ends the call.
 */
export interface HostCalls {
  /** An answer of any status is a reply. @throws PluginError `denied` | `host_limit` | `guest_error` */
  http(request: HttpRequest): HttpReply;
  /** A value of the actor's state. @throws PluginError `denied` */
  getState(key: string): Uint8Array<ArrayBuffer> | undefined;
  /** Absent: forget it. @throws PluginError `denied` | `host_limit` */
  setState(key: string, value: Uint8Array | undefined): void;
  /** A partial result, as JSON. @throws PluginError `host_limit` */
  partial(body: Uint8Array): void;
  /** A value for one of the actor's metrics. @throws PluginError `host_limit` */
  metric(name: string, value: number, labels: Readonly<Record<string, string>>): void;
}

/** A live instance. */
export interface Guest {
  /** Whether it can be called: not after a call that was interrupted, or stopped half-way. */
  readonly usable: boolean;
  /** Whether the next call had better get a new instance, because this one has used its memory. */
  readonly wornOut: boolean;
  /**
   * Runs the function once, to its end: it does not return before.
   *
   * @returns its output, in a buffer of its own; empty: no output
   * @throws PluginError
   */
  call(call: GuestCall): Uint8Array<ArrayBuffer>;
  /** Frees what the collector does not. */
  dispose(): void;
}
