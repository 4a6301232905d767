/** A folder of actors on a cluster. @module */
export { FolderError } from "./error.ts";
export { deployFolder, type DeployWish, type FolderWish, undeployFolder } from "./folder.ts";
export { type Hands } from "./hands.ts";
