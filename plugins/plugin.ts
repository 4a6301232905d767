/** What a WASM plugin is to the rest of the house; `host/` implements it. */

/** Bounds on a plugin, all enforced by the host. */
export interface PluginLimits {
  /** Wall time of one call, in milliseconds. */
  readonly timeoutMs: number;
  /**
   * Wall time of making an instance, its start-up code included, in milliseconds: before the first
   * call, and after one that was stopped half-way. At level `inline` a second at most.
   */
  readonly startMs: number;
  /** Guest linear memory, in bytes; rounded down to 64 KiB pages. */
  readonly memoryBytes: number;
  /** Bytes that one call may have the host keep for it: input, output, settings, replies. */
  readonly kernelBytes: number;
  /** Largest module before compilation, in bytes. */
  readonly moduleBytes: number;
  /** Largest output of one call, in bytes. */
  readonly outputBytes: number;
}

/** How to load a plugin. */
export interface PluginOptions {
  /** The module's bytes (`.wasm`). */
  readonly module: Uint8Array;
  /** Exported function to call. */
  readonly functionName: string;
  /** Settings readable by the guest (Extism config). */
  readonly config: Readonly<Record<string, string>>;
  /** Calls that may run at once: one worker each. */
  readonly workers: number;
  /**
   * Where the guest runs. `worker`: in threads without permissions. `inline`: in this thread, for
   * cheap guests that are trusted not to use up their time limit; without HTTP.
   */
  readonly level: PluginLevel;
  /** Hosts that the guest may call over HTTP, e.g. `api.example.com`, `*.example.com:8443`. */
  readonly allowedHosts: readonly string[];
  /** Bytes of state (keys and values) that all calls of the actor share; 0: none may be kept. */
  readonly stateBytes: number;
  /** Bounds on each call and each worker. */
  readonly limits: PluginLimits;
  /** Receives what the guest logs; bounded by the host. */
  readonly log?: (level: PluginLogLevel, message: string) => void;
}

/** How far a guest is kept apart from the service. */
export type PluginLevel = "worker" | "inline";

/** Severities of a guest's log line; `trace` lines are dropped. */
export type PluginLogLevel = "debug" | "info" | "warn" | "error";

/** One call of a plugin. */
export interface PluginCall {
  /** What the guest reads as its input; copied. */
  readonly input: Uint8Array;
  /** Per-call settings that the guest reads as config, e.g. `asya.id`, `asya.attempt`. */
  readonly context: Readonly<Record<string, string>>;
  /** Lowers `limits.timeoutMs` for this call. */
  readonly limitMs?: number;
  /**
   * Aborting rejects the call with `cancelled` at once. Where it runs already, its worker is free
   * only when it ends or reaches its limit: nothing else can interrupt a guest.
   */
  readonly signal?: AbortSignal;
  /** Receives partial results, while the call runs. */
  readonly onPartial?: (body: Uint8Array) => void;
  /** Receives what the guest measured, when the call is over. */
  readonly onMetric?: (metric: PluginMetric) => void;
}

/** A value that a guest measured. */
export interface PluginMetric {
  /** As the actor declares it. */
  readonly name: string;
  /** Finite. */
  readonly value: number;
  /** Values by label name. */
  readonly labels: Readonly<Record<string, string>>;
}

/** A loaded plugin. */
export interface Plugin {
  /**
   * Calls worth having in flight: for each worker what fits into one hand-over (1 for slow guests, up
   * to 16 for fast ones), and as many that wait for their turn. Follows measurement: read it anew.
   */
  readonly concurrency: number;
  /** SHA-256 of the module as it was given, in hex. */
  readonly hash: string;
  /** Why it can take no calls now; absent when it can. */
  readonly trouble?: string | undefined;
  /**
   * Resolves when calls can be made.
   * @throws PluginError `closed`: never again; the signal's reason
   */
  ready(signal: AbortSignal): Promise<void>;
  /**
   * The raw bytes that the guest set as its output.
   * @throws PluginError
   */
  call(call: PluginCall): Promise<Uint8Array>;
  /** Refuses new calls, lets those that run end within their limits, then ends the workers. */
  close(): Promise<void>;
}

/** Why a plugin could not be loaded or a call failed. */
export type PluginErrorCode =
  | "invalid_module" // not a module, or one that we refuse; never becomes valid
  | "missing_function" // the module does not export the function
  | "guest_error" // the guest reported an error itself
  | "trap" // the guest executed an illegal instruction, panicked, exhausted its stack
  | "timeout" // interrupted at its limit
  | "memory_limit" // asked for more memory than allowed
  | "output_limit"
  | "host_limit" // asked the host too often, or for too much
  | "denied" // asked for what its actor does not allow
  | "cancelled"
  | "closed";

/** Where a failure happened, as far as it is known. */
export interface PluginErrorPlace {
  /** SHA-256 of the module, in hex. */
  readonly module?: string | undefined;
  /** The exported function that was called. */
  readonly functionName?: string | undefined;
  /** The guest's own name for its error, e.g. `ValueError`. */
  readonly type?: string | undefined;
  /** Stack of the guest, innermost frame first, one a line. */
  readonly guestStack?: string | undefined;
}

/** Every failure of a plugin. After any of them the plugin takes further calls, on a fresh instance. */
export class PluginError extends Error implements PluginErrorPlace {
  /** Always `PluginError`. */
  override readonly name = "PluginError";
  readonly module?: string | undefined;
  readonly functionName?: string | undefined;
  readonly type?: string | undefined;
  readonly guestStack?: string | undefined;
  /**
   * Makes one; the host adds where it happened.
   *
   * @param code what went wrong, in one stable word
   * @param message one sentence that a person can act on
   */
  constructor(
    readonly code: PluginErrorCode,
    message: string,
    options: ErrorOptions & PluginErrorPlace = {},
  ) {
    super(message, options);
    this.module = options.module;
    this.functionName = options.functionName;
    this.type = options.type;
    this.guestStack = options.guestStack;
  }
}
