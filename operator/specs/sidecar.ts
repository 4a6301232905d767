/** The container `asya-sidecar`: alone in the pod of a plugin or of the crew, else beside the runtime. */

import { type AsyncActor, type Container, sidecarEnvironment } from "@asya/manifest";
import type { OperatorConfig } from "../config.ts";
import { graceOf } from "./grace.ts";
import { podKind } from "./kind.ts";
import { modulePart } from "./module.ts";
import { MESH_TOKEN_SECRET } from "./names.ts";
import { joined, type Part } from "./part.ts";
import { SOCKET_PART } from "./socket.ts";
import { transportPart } from "./transport.ts";

const TMP_PART: Part = {
  mounts: [{ name: "tmp", mountPath: "/tmp" }],
  volumes: [{ name: "tmp", emptyDir: {} }],
};

const TOKEN_FOLDER = "/var/run/secrets/asya/mesh";

function gatewayPart({ gateway }: OperatorConfig): Part {
  if (gateway === undefined) return {};
  const env = { ASYA_GATEWAY_URL: gateway.url };
  if (gateway.meshTokenSecretRef === undefined) return { env };
  return {
    env: { ...env, ASYA_MESH_TOKEN_FILE: `${TOKEN_FOLDER}/token` },
    mounts: [{ name: "asya-mesh-token", mountPath: TOKEN_FOLDER, readOnly: true }],
    volumes: [{ name: "asya-mesh-token", secret: { secretName: MESH_TOKEN_SECRET } }],
  };
}

/** A volume of the template called `results` is where the crew keeps results. */
function resultsPart(actor: AsyncActor): Part {
  const volumes = actor.spec.workload.template?.spec.volumes ?? [];
  if (!volumes.some(({ name }) => name === "results")) return {};
  return {
    env: { ASYA_RESULTS_DIR: "/results" },
    mounts: [{ name: "results", mountPath: "/results" }],
  };
}

function kindPart(actor: AsyncActor, config: OperatorConfig): Part {
  switch (podKind(actor)) {
    case "runtime":
      return SOCKET_PART;
    case "plugin":
      return modulePart(actor.spec.handler!.wasm!, config);
    case "crew":
      return resultsPart(actor);
  }
}

/** The user may have moved the sidecar's port, which a handler's own server can be in the way of. */
function metricsPort(actor: AsyncActor): number {
  const address = actor.spec.sidecar.env.find(({ name }) => name === "ASYA_METRICS_ADDR")?.value;
  return Number(/:([0-9]{1,5})$/.exec(address ?? "")?.[1] ?? 8080);
}

/** The crew has its own idea of how many envelopes to keep at once; one is not what anybody chose. */
function environment(actor: AsyncActor, part: Required<Part>) {
  const drain = { ASYA_SHUTDOWN_GRACE: `${graceOf(actor).drain}s` };
  const variables = sidecarEnvironment(actor, { ...part.env, ...drain });
  const { concurrency, sidecar } = actor.spec;
  const chosen = concurrency > 1 || sidecar.env.some(({ name }) => name === "ASYA_CONCURRENCY");
  if (podKind(actor) !== "crew" || chosen) return variables;
  return variables.filter(({ name }) => name !== "ASYA_CONCURRENCY");
}

/** The container with its volumes. */
export function sidecarContainer(
  actor: AsyncActor,
  config: OperatorConfig,
): { container: Container; volumes: Required<Part>["volumes"] } {
  const part = joined([
    transportPart(actor, config),
    gatewayPart(config),
    TMP_PART,
    kindPart(actor, config),
  ]);
  const { image, imagePullPolicy, resources } = { ...config.sidecar, ...actor.spec.sidecar };
  const probe = (path: string) => ({ httpGet: { path, port: "metrics" }, timeoutSeconds: 5 });
  const container: Container = {
    name: "asya-sidecar",
    image,
    ...imagePullPolicy !== undefined && { imagePullPolicy },
    ...podKind(actor) === "crew" && { args: ["crew"] },
    env: environment(actor, part),
    ports: [{ name: "metrics", containerPort: metricsPort(actor), protocol: "TCP" }],
    resources,
    livenessProbe: { ...probe("/health/live"), periodSeconds: 10, failureThreshold: 3 },
    readinessProbe: { ...probe("/health/ready"), periodSeconds: 5, failureThreshold: 2 },
    volumeMounts: part.mounts,
    terminationMessagePolicy: "FallbackToLogsOnError",
    securityContext: {
      runAsNonRoot: true,
      runAsUser: 65532,
      runAsGroup: 65532,
      readOnlyRootFilesystem: true,
      allowPrivilegeEscalation: false,
      capabilities: { drop: ["ALL"] },
      seccompProfile: { type: "RuntimeDefault" },
    },
  };
  return { container, volumes: part.volumes };
}
