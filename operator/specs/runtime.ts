/** The container `asya-runtime`: the user's, with the runtime's script started in it. */

import {
  type AsyncActor,
  type Container,
  runtimeContainer as userContainer,
  runtimeEnvironment,
} from "@asya/manifest";
import { parseDuration } from "@asya/envelope";
import type { OperatorConfig } from "../config.ts";
import { graceOf } from "./grace.ts";
import { commandOf, SCRIPT_FOLDER, scriptOf } from "./language.ts";
import { RUNTIME_CONFIG_MAP } from "./names.ts";
import { joined, type Part } from "./part.ts";
import { SOCKET_FOLDER, SOCKET_PART } from "./socket.ts";

const CODE_FOLDER = `${SCRIPT_FOLDER}/code`;

/** Annotation of an actor: the ConfigMap with the code of its short form. */
export const CODE_ANNOTATION = "asya.sh/code";

/** A file alone, so that what the image has in that folder stays; a new script rolls the pods. */
function scriptPart(actor: AsyncActor): Part {
  const subPath = scriptOf(actor);
  const mountPath = `${SCRIPT_FOLDER}/${subPath}`;
  return {
    mounts: [{ name: "asya-runtime", mountPath, subPath, readOnly: true }],
    volumes: [{ name: "asya-runtime", configMap: { name: RUNTIME_CONFIG_MAP } }],
  };
}

function codePart({ metadata, spec }: AsyncActor): Part {
  const name = metadata.annotations?.[CODE_ANNOTATION];
  if (name === undefined || spec.handler?.python === undefined) return {};
  return {
    env: { PYTHONPATH: CODE_FOLDER },
    mounts: [{ name: "asya-code", mountPath: CODE_FOLDER, readOnly: true }],
    volumes: [{ name: "asya-code", configMap: { name } }],
  };
}

function shell(script: string) {
  return { exec: { command: ["sh", "-c", script] } };
}

const READY =
  `test -S ${SOCKET_FOLDER}/asya-runtime.sock && test -f ${SOCKET_FOLDER}/runtime-ready`;
const STARTUP_PERIOD = 2;

/** The sidecar waits this long for the runtime; only then is a start given up. */
function startupSeconds({ spec }: AsyncActor): number {
  const text = spec.sidecar.env.find(({ name }) => name === "ASYA_RUNTIME_READY_TIMEOUT")?.value;
  try {
    return parseDuration(text ?? "5m") / 1000;
  } catch (error) {
    // The sidecar refuses it and says so; the runtime's start need not fail as well.
    if (error instanceof RangeError) return 300;
    throw error;
  }
}

/**
 * Who removes `runtime-ready` asks for a restart (runtime/PROTOCOL.md): the sidecar, of a runtime
 * that is deaf or spends for ever on one call. Nothing of it is worth the pod's long grace then.
 */
function probes(actor: AsyncActor) {
  const check = { ...shell(READY), timeoutSeconds: 5 };
  return {
    startupProbe: {
      ...check,
      periodSeconds: STARTUP_PERIOD,
      failureThreshold: Math.ceil(startupSeconds(actor) / STARTUP_PERIOD) + 5,
    },
    readinessProbe: { ...check, periodSeconds: 10, failureThreshold: 2 },
    livenessProbe: {
      ...check,
      periodSeconds: 5,
      failureThreshold: 2,
      terminationGracePeriodSeconds: 5,
    },
  };
}

/**
 * The runtime leaves after the sidecar. A version 1 runtime would leave on SIGTERM at once, so it is
 * not told before the sidecar is done, at most until the sidecar's own grace is over. A runtime whose
 * `runtime-ready` is gone is being restarted alone, and nobody waits.
 */
function preStop(actor: AsyncActor) {
  const { drain } = graceOf(actor);
  return shell(
    `i=0; while [ $i -lt ${drain} ] && [ -e ${SOCKET_FOLDER}/runtime-ready ] && ` +
      `[ ! -e ${SOCKET_FOLDER}/sidecar-done ]; do sleep 1; i=$((i+1)); done`,
  );
}

/** The container with its volumes; what the user has set stays. */
export function runtimeContainer(
  actor: AsyncActor,
  config: OperatorConfig,
): { container: Container; volumes: Required<Part>["volumes"] } {
  const part = joined([SOCKET_PART, scriptPart(actor), codePart(actor)]);
  const user: Container = userContainer(actor) ?? {
    name: "asya-runtime",
    image: actor.spec.handler?.python?.image ?? config.pythonImage,
  };
  // A runtime that is told to end by itself must not leave before its sidecar has.
  const given = { ...part.env, ASYA_SHUTDOWN_GRACE: `${graceOf(actor).drain}s` };
  const ours = new Set(part.mounts.map(({ mountPath }) => mountPath));
  const mounts = (user.volumeMounts ?? []).filter(({ mountPath }) => !ours.has(mountPath));
  const container: Container = {
    terminationMessagePolicy: "FallbackToLogsOnError",
    ...probes(actor),
    ...user,
    command: commandOf(actor),
    env: runtimeEnvironment(actor, given),
    volumeMounts: [...mounts, ...part.mounts],
    lifecycle: { preStop: preStop(actor), ...user["lifecycle"] as object | undefined },
  };
  return { container, volumes: part.volumes };
}
