/**
 * What is filled into security contexts that say nothing; what the user has set stays.
 * https://kubernetes.io/docs/concepts/security/pod-security-standards/
 */

import type { Container, PodTemplate } from "@asya/manifest";
import type { OperatorConfig } from "../config.ts";

type PodSpec = PodTemplate["spec"];
type Context = Readonly<Record<string, unknown>>;

const contextOf = (of: Container | PodSpec) => of["securityContext"] as Context | undefined;

function restrictedContainer(container: Container): Container {
  const securityContext = {
    allowPrivilegeEscalation: false,
    capabilities: { drop: ["ALL"] },
    ...contextOf(container),
  };
  return { ...container, securityContext };
}

/**
 * `baseline`: a system call filter, which images that run as root do not notice. `restricted`: all
 * that the level asks for; images that name no user run as 65532, since root would be refused.
 */
export function secured(pod: PodSpec, level: OperatorConfig["podSecurity"]): PodSpec {
  const seccompProfile = { type: "RuntimeDefault" };
  if (level === "baseline") {
    return { ...pod, securityContext: { seccompProfile, ...contextOf(pod) } };
  }
  const user = { runAsNonRoot: true, runAsUser: 65532 };
  const init = pod["initContainers"] as readonly Container[] | undefined;
  return {
    ...pod,
    securityContext: { seccompProfile, ...user, ...contextOf(pod) },
    containers: pod.containers.map(restrictedContainer),
    ...init && { initContainers: init.map(restrictedContainer) },
  };
}
