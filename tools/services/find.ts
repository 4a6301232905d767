/** Where a server for tests comes from: ways that are tried one after the other. */

import { aptInstall, noAptReason } from "./apt.ts";

/** One way to a server; a text says in a few words why it leads nowhere. */
export type Way<Found> = () => Promise<Found | string>;

/** A server in a container of a Docker daemon that answers. */
export interface InDocker {
  readonly kind: "docker";
  readonly image: string;
}

const DOCKER_ANSWER_MS = 5_000;

/** What the first way finds that leads anywhere; a text says in one sentence why there is none. */
export async function firstOf<Found>(
  name: string,
  ways: readonly Way<Found>[],
): Promise<Found | string> {
  const reasons: string[] = [];
  for (const way of ways) {
    const found = await way();
    if (typeof found !== "string") return found;
    reasons.push(found);
  }
  return `no ${name}: ${reasons.join("; ")}`;
}

/** Installs a Debian package, then looks for what it brought. */
export function byApt<Found>(debianPackage: string, look: Way<Found>): Way<Found> {
  return async () => {
    const reason = await noAptReason();
    if (reason !== undefined) return reason;
    console.error(`installing ${debianPackage} with apt-get, once`);
    try {
      await aptInstall(debianPackage);
    } catch (error) {
      if (error instanceof Error) return error.message;
      throw error;
    }
    return await look();
  };
}

/** A container of this image, where there is a Docker daemon. */
export function byDocker(image: string): Way<InDocker> {
  return async () => {
    try {
      const args = ["version", "--format", "{{.Server.Version}}"];
      const signal = AbortSignal.timeout(DOCKER_ANSWER_MS);
      const docker = new Deno.Command("docker", { args, stdin: "null", signal });
      const { success } = await docker.output();
      return success ? { kind: "docker", image } : "no Docker daemon answers";
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return "no Docker";
      throw error;
    }
  };
}
