/** The folder that sidecar and runtime share. */

import type { Part } from "./part.ts";

/** Where both see it. */
export const SOCKET_FOLDER = "/var/run/asya";

/** For either container. */
export const SOCKET_PART: Part = {
  env: { ASYA_SOCKET_DIR: SOCKET_FOLDER },
  mounts: [{ name: "socket-dir", mountPath: SOCKET_FOLDER }],
  volumes: [{ name: "socket-dir", emptyDir: {} }],
};
