/** HTTP and MCP in front of actors: tools, envelopes, live progress. @module */
export { createGateway, type Gateway, type GatewayApp, type GatewayOptions } from "./gateway.ts";
export { GATEWAY_SETTINGS, type GatewaySettings, readGatewaySettings } from "./settings.ts";
export type { Publish } from "./publisher.ts";
export { MeshTokenError, tokensFromFile } from "./auth/mesh.ts";
export { type ApiKey, isKeyId, newKey } from "./auth/api_key.ts";
export type { Authentication } from "./auth/authenticate.ts";
export type { Caller } from "./auth/caller.ts";
export type { KeyStore } from "./auth/key_store.ts";
export { Keys } from "./auth/keys.ts";
export type { Scope } from "./auth/scope.ts";
export { type OAuthOptions, Tokens } from "./auth/tokens.ts";
export type { GuardOptions } from "./guard.ts";
export type { Limits } from "./limits/limiter.ts";
export { parseRate, type Rate } from "./limits/rate.ts";
export { GatewayMetrics, type Vitals } from "./metrics.ts";
export { openKeyStore } from "./store/open_keys.ts";
export { openStore } from "./store/open.ts";
export { openPostgresStore, type PostgresStoreOptions, StoreTooNew } from "./store/postgres.ts";
export { openSqliteStore, type SqliteStoreOptions } from "./store/sqlite.ts";
export {
  type ListQuery,
  MAX_UPDATES,
  type Once,
  type Outcome,
  type Store,
  type StoredUpdate,
  StoreUnavailable,
} from "./store/store.ts";
export type { Change, EnvelopeRecord, FinalState, State, Update } from "./envelopes/record.ts";
export { FINAL_STATES, OPEN_STATES } from "./envelopes/record.ts";
export type { StoredEnvelope } from "./envelopes/view.ts";
export { loadTools, ToolsError } from "./tools/load.ts";
export { type WatchedTools, watchTools } from "./tools/watch.ts";
export {
  type Hook,
  type Parameter,
  PARAMETER_TYPES,
  type Parameters,
  type ParameterType,
  type SecretSource,
  type Tool,
  type ToolSet,
} from "./tools/tool.ts";
