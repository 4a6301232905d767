/** HTTP and MCP in front of actors: tools, envelopes, live progress. @module */
export { createGateway, type Gateway, type GatewayApp, type GatewayOptions } from "./gateway.ts";
export { GATEWAY_SETTINGS, type GatewaySettings, readGatewaySettings } from "./settings.ts";
export type { Publish } from "./publisher.ts";
export { MeshTokenError, tokenFromFile } from "./auth.ts";
export { openStore } from "./store/open.ts";
export { openPostgresStore, type PostgresStoreOptions, StoreTooNew } from "./store/postgres.ts";
export { openSqliteStore } from "./store/sqlite.ts";
export {
  MAX_UPDATES,
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
  type Parameter,
  PARAMETER_TYPES,
  type Parameters,
  type ParameterType,
  type Tool,
  type ToolSet,
} from "./tools/tool.ts";
