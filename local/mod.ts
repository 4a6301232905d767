/** Actors on this machine, without a cluster: the same YAML, one command. @module */
export { carrierEnv, openCarrier } from "./carrier.ts";
export {
  declaredActors,
  exists,
  type Folder,
  foldersUnder,
  readFolder,
  shownPath,
} from "./folder.ts";
export { LocalError, type LocalErrorCode } from "./error.ts";
export { type Local, type LocalOptions, startLocal } from "./local.ts";
export { type ConsoleMode, type Output } from "./screen.ts";
export { sendEnvelope, SendError, type Sending } from "./send.ts";
export { findRunning, type Running, type StatePaths, statePaths } from "./state_folder.ts";
export { type ActorPhase, type ActorState } from "./table.ts";
export { missingActors, readTools } from "./tools.ts";
