/**
 * What stands between a pod and the restricted profile of Pod Security
 * (https://kubernetes.io/docs/concepts/security/pod-security-standards/).
 */

import type { Rendered } from "./helm.ts";

/** Volumes that the profile allows. */
const VOLUMES = [
  "configMap",
  "csi",
  "downwardAPI",
  "emptyDir",
  "ephemeral",
  "persistentVolumeClaim",
  "projected",
  "secret",
];

function containerProblems(container: Rendered, pod: Rendered): string[] {
  const own = container.securityContext ?? {};
  const both = { ...pod.securityContext, ...own };
  const added: string[] = own.capabilities?.add ?? [];
  const rules: [boolean, string][] = [
    [own.allowPrivilegeEscalation === false, "may escalate privileges"],
    [own.capabilities?.drop?.includes("ALL") === true, "keeps capabilities"],
    [added.every((name) => name === "NET_BIND_SERVICE"), `adds capabilities ${added}`],
    [both.runAsNonRoot === true && both.runAsUser !== 0, "may run as root"],
    [both.seccompProfile?.type === "RuntimeDefault", "has no seccomp profile"],
    [own.privileged !== true, "is privileged"],
    [(container.ports ?? []).every((port: Rendered) => !port.hostPort), "has a host port"],
  ];
  return rules.filter(([good]) => !good).map(([, what]) => `${container.name} ${what}`);
}

/** One sentence a violation. */
export function restrictedProblems(pod: Rendered): string[] {
  const containers: Rendered[] = [...pod.initContainers ?? [], ...pod.containers];
  const volumes: Rendered[] = pod.volumes ?? [];
  const shares = ["hostNetwork", "hostPID", "hostIPC"].filter((field) => pod[field] === true);
  return [
    ...shares.map((field) => `the pod has ${field}`),
    ...volumes
      .filter((volume) => !VOLUMES.some((kind) => kind in volume))
      .map(({ name }) => `volume ${name} is of a kind that is not allowed`),
    ...containers.flatMap((container) => containerProblems(container, pod)),
  ];
}
