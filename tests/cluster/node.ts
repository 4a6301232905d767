/** The node that pods are on, for what no API does: processes end there as if the power were cut. */

import { kubectl, type Live } from "./kube.ts";
import type { Stage } from "./stage.ts";

const POD = "node";

/** A pod that sees all processes of its node, and goes with the stage's namespace. */
export class Node {
  readonly #namespace: string;

  private constructor(namespace: string) {
    this.#namespace = namespace;
  }

  /** Begins; the cluster has one node, or all pods of the test are on the same. */
  static async open(stage: Stage): Promise<Node> {
    const { namespace } = stage;
    await stage.apply({
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name: POD },
      spec: {
        hostPID: true,
        automountServiceAccountToken: false,
        terminationGracePeriodSeconds: 0,
        containers: [{ name: POD, image: "python:3.13-slim", command: ["sleep", "600"] }],
      },
    });
    await kubectl(["-n", namespace, "wait", "pod", POD, "--for=condition=Ready"]);
    return new Node(namespace);
  }

  /** Sends SIGKILL to every process of a container at once. */
  async killContainer(pod: Live, name: string): Promise<void> {
    const { containerID } = pod.status.containerStatuses.find((one: { name: string }) =>
      one.name === name
    );
    await this.#kill(containerID.replace(/^.*:\/\//, ""));
  }

  /** Sends SIGKILL to every process of a pod at once, and has the API forget the pod. */
  async killPod({ metadata: { name, uid } }: Live): Promise<void> {
    await this.#kill(uid.replaceAll("-", "[-_]"));
    const force = ["--grace-period=0", "--force", "--wait=false"];
    await kubectl(["-n", this.#namespace, "delete", "pod", name, ...force]);
  }

  /** @param pattern of the control group, which has the id of container and pod in its name */
  async #kill(pattern: string): Promise<void> {
    // A probe's process may have ended by itself in between.
    const script = 'pids=$(grep -lsE "$0" /proc/[0-9]*/cgroup | cut -d/ -f3); ' +
      '[ -n "$pids" ] || exit 1; kill -9 $pids || true';
    await kubectl(["-n", this.#namespace, "exec", POD, "--", "sh", "-c", script, pattern]);
  }
}
