/** Waits until actors are ready: `check_actors.ts NAMESPACE NAME...`; ends with 1 where one is not. */

import { actorPath, Kube } from "./kube.ts";
import { waitFor } from "./wait.ts";

/** How long all of them have. */
const SECONDS = 120;

interface Actor {
  readonly status?: {
    readonly status?: string;
    readonly conditions?: readonly {
      readonly type: string;
      readonly status: string;
      readonly message?: string;
    }[];
  };
}

const [namespace, ...names] = Deno.args;
if (namespace === undefined) throw new Error("usage: check_actors.ts NAMESPACE NAME...");
using kube = new Kube();
const end = Date.now() + SECONDS * 1_000;
let failed = false;
for (const name of names) {
  let seen = "there is no such actor";
  const ready = await waitFor(async () => {
    const actor = await kube.request("GET", actorPath(namespace, name)) as Actor | undefined;
    if (actor === undefined) return undefined;
    const condition = actor.status?.conditions?.find(({ type }) => type === "Ready");
    seen = `${actor.status?.status ?? "no status yet"}: ${condition?.message ?? "no message"}`;
    return condition?.status === "True" || undefined;
  }, (end - Date.now()) / 1_000);
  failed ||= ready === undefined;
  console.log(`${name} is ${ready === undefined ? "not ready: " : "ready: "}${seen}`);
}
Deno.exit(failed ? 1 : 0);
