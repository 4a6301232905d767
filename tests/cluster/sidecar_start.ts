/** How long a sidecar takes from its container's start to the first envelope that it receives. */

import { kubectl } from "./kube.ts";
import type { Stage } from "./stage.ts";
import { until } from "./wait.ts";

/** What an actor's spec says so that it can be measured: its sidecar notes each envelope. */
export const NOTED = { sidecar: { env: [{ name: "ASYA_LOG_LEVEL", value: "debug" }] } };

/** Of processes' start times, in all Linux. */
const TICKS_PER_SECOND = 100;

/** In seconds since 1970. The API knows it to the second, the kernel to a tick. */
async function startOf(exec: readonly string[]): Promise<number> {
  const script = "cut -d' ' -f22 /proc/1/stat; cut -d' ' -f1 /proc/uptime; date +%s.%N";
  const said = await kubectl([...exec, "sh", "-c", script]);
  const [ticks, uptime, now] = said.trim().split("\n").map(Number);
  return now! - (uptime! - ticks! / TICKS_PER_SECOND);
}

/** In seconds since 1970; undefined: none yet. The note comes with the end, and says how long it took. */
function firstReceived(log: string): number | undefined {
  const line = log.split("\n").find((line) => line.includes('"envelope done"'));
  if (line === undefined) return undefined;
  const { time, ms } = JSON.parse(line);
  return (Date.parse(time) - ms) / 1_000;
}

/** Of the first pod that an actor gets, in seconds. Its envelopes wait already. */
export async function sidecarStart(stage: Stage, actor: string): Promise<number> {
  const name = await until("a running sidecar", 60, async () => {
    const pods = await stage.pods(actor);
    return pods.find(({ status }) =>
      status.containerStatuses?.some((one: { name: string; state: { running?: object } }) =>
        one.name === "asya-sidecar" && one.state.running
      )
    )?.metadata.name;
  });
  const at = ["-n", stage.namespace];
  const start = await startOf([...at, "exec", name, "-c", "asya-sidecar", "--"]);
  const logs = [...at, "logs", name, "-c", "asya-sidecar"];
  const received = await until(
    "an envelope",
    30,
    async () => firstReceived(await kubectl(logs)),
  );
  return received - start;
}
