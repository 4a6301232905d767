/** A WASM module's way into the sidecar: a file of a volume, or fetched by the sidecar. */

import type { WasmHandler } from "@asya/manifest";
import type { OperatorConfig } from "../config.ts";
import type { Part } from "./part.ts";

const MODULE_FOLDER = "/opt/asya/module";
const PULL_FOLDER = "/var/run/secrets/asya/pull";

/**
 * ConfigMaps and claims are mounted whole: a file that is mounted alone never changes, and the
 * sidecar takes a new module without a restart.
 */
export function modulePart({ module }: WasmHandler, config: OperatorConfig): Part {
  const mounts = [{ name: "asya-module", mountPath: MODULE_FOLDER, readOnly: true }];
  const file = (path: string) => ({ ASYA_WASM_MODULE: `${MODULE_FOLDER}/${path}` });
  if (module.configMap) {
    const { name, key } = module.configMap;
    return { env: file(key), mounts, volumes: [{ name: "asya-module", configMap: { name } }] };
  }
  if (module.volume) {
    const { name, path } = module.volume;
    const claim = { claimName: name, readOnly: true };
    return {
      env: file(path.replace(/^\/+/, "")),
      mounts,
      volumes: [{ name: "asya-module", persistentVolumeClaim: claim }],
    };
  }
  const cache = { ASYA_WASM_CACHE_DIR: "/tmp/modules" };
  const [pullSecret] = config.imagePullSecrets;
  if (module.image === undefined || pullSecret === undefined) return { env: cache };
  const items = [{ key: ".dockerconfigjson", path: "config.json" }];
  return {
    env: { ...cache, ASYA_WASM_PULL_SECRET_FILE: `${PULL_FOLDER}/config.json` },
    mounts: [{ name: "asya-pull", mountPath: PULL_FOLDER, readOnly: true }],
    volumes: [{ name: "asya-pull", secret: { secretName: pullSecret, items } }],
  };
}
