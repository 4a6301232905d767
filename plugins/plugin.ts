/** What a WASM plugin is to the rest of the house; `host/` implements it. */

/** Bounds on a plugin, all enforced by the host. */
export interface PluginLimits {
  /** Wall time of one call and of initialisation, in milliseconds. */
  readonly timeoutMs: number;
  /** Guest linear memory, in bytes; rounded down to 64 KiB pages. */
  readonly memoryBytes: number;
  /** Bytes that one call may allocate outside guest memory (input, output, config, variables). */
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
  readonly limits: PluginLimits;
  /** Receives what the guest logs; bounded by the host. */
  readonly log?: (level: "debug" | "info" | "warn" | "error", message: string) => void;
}

/** One call of a plugin. */
export interface PluginCall {
  readonly input: Uint8Array;
  /** Per-call settings that the guest reads as config, e.g. `asya.id`, `asya.attempt`. */
  readonly context: Readonly<Record<string, string>>;
  /** Lowers `limits.timeoutMs` for this call. */
  readonly limitMs?: number;
  readonly signal?: AbortSignal;
}

/** A loaded plugin. */
export interface Plugin {
  readonly concurrency: number;
  /** Why it can take no calls now; absent when it can. */
  readonly trouble?: string | undefined;
  /**
   * The raw bytes that the guest set as its output.
   * @throws PluginError
   */
  call(call: PluginCall): Promise<Uint8Array>;
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
  | "cancelled"
  | "closed";

/** Every failure of a plugin. After any of them the plugin takes further calls, on a fresh instance. */
export class PluginError extends Error {
  override readonly name = "PluginError";
  constructor(readonly code: PluginErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
  }
}
