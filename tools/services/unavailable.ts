/** Why a server that tests would like cannot be had on this machine. */

/** There is none and none can be installed; the message is one sentence. */
export class ServiceUnavailable extends Error {
  /** Stable, for callers. */
  readonly code = "service_unavailable";
  override readonly name = "ServiceUnavailable";
}
