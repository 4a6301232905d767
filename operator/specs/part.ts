/** What one concern adds to a pod. */

import type { GivenVariables, Volume, VolumeMount } from "@asya/manifest";

/** Variables and mounts of one container, and the volumes that those need. */
export interface Part {
  readonly env?: GivenVariables;
  readonly mounts?: readonly VolumeMount[];
  readonly volumes?: readonly Volume[];
}

/** All of them; a later variable of the same name wins. */
export function joined(parts: readonly Part[]): Required<Part> {
  return {
    env: Object.assign({}, ...parts.map(({ env }) => env)),
    mounts: parts.flatMap(({ mounts = [] }) => mounts),
    volumes: parts.flatMap(({ volumes = [] }) => volumes),
  };
}
