import assert from "node:assert/strict";
import { exampleActor, exampleConfig, withRuntime } from "./example.ts";
import { runtimeContainer } from "./runtime.ts";

interface Probe {
  readonly exec?: { readonly command: readonly string[] };
  readonly failureThreshold?: number;
  readonly terminationGracePeriodSeconds?: number;
}

function built(spec: string, metadata?: string) {
  const { container, volumes } = runtimeContainer(
    exampleActor(`{${spec}}`, metadata),
    exampleConfig(),
  );
  const env = Object.fromEntries((container.env ?? []).map(({ name, value }) => [name, value]));
  const probe = (name: string) => container[name] as Probe;
  const preStop = (container["lifecycle"] as { preStop: Probe }).preStop;
  return { container, volumes, env, probe, preStop };
}

Deno.test("runtimeContainer() starts the injected script with the actor's Python", () => {
  const spec = "workload: {pythonExecutable: /venv/bin/python, " +
    withRuntime("args: [-v], env: [{name: ASYA_HANDLER, value: a.b}]").slice("workload: {".length);
  const { container, env } = built(spec);
  assert.deepEqual(container.command, ["/venv/bin/python", "/opt/asya/asya_runtime.py"]);
  assert.deepEqual(container.args, ["-v"]);
  assert.equal(container.image, "app:1");
  assert.equal(env["ASYA_HANDLER"], "a.b");
  assert.equal(env["ASYA_SOCKET_DIR"], "/var/run/asya");
});

Deno.test("runtimeContainer() runs JavaScript by the node or deno that the actor names, else by Deno", () => {
  const command = (executable: string, handler: string) => {
    const { container } = built(
      `workload: {pythonExecutable: ${executable}, ` +
        withRuntime(`env: [{name: ASYA_HANDLER, value: "${handler}"}]`).slice("workload: {".length),
    );
    const mounts = container.volumeMounts!.map(({ mountPath }) => mountPath);
    assert.ok(mounts.includes(container.command!.at(-1)!));
    return container.command!.join(" ");
  };
  const script = "/opt/asya/asya_runtime.mjs";
  assert.equal(command("/usr/bin/node", "./src/a.mjs:run"), `/usr/bin/node ${script}`);
  assert.equal(command("deno", "a.ts#run"), `deno run --quiet --no-prompt -A ${script}`);
  assert.equal(command("python3", "./a.mjs:run"), `deno run --quiet --no-prompt -A ${script}`);
  assert.equal(command("node", "a.run"), "node /opt/asya/asya_runtime.py");
});

Deno.test("runtimeContainer() outlives the sidecar, and takes a crash's last lines as its message", () => {
  const { container, env, preStop } = built(withRuntime());
  assert.equal(env["ASYA_SHUTDOWN_GRACE"], "325s");
  assert.match(preStop.exec!.command[2]!, /-lt 325 .*runtime-ready.*! -e .*sidecar-done/);
  assert.equal(container["terminationMessagePolicy"], "FallbackToLogsOnError");
});

Deno.test("runtimeContainer() is given as long to start as the sidecar waits", () => {
  assert.equal(built(withRuntime()).probe("startupProbe").failureThreshold, 155);
  const env = "sidecar: {env: [{name: ASYA_RUNTIME_READY_TIMEOUT, value: 20m}]}";
  const slow = built(`${env}, ${withRuntime()}`);
  assert.equal(slow.probe("startupProbe").failureThreshold, 605);
});

Deno.test("runtimeContainer() is restarted soon when runtime-ready is gone", () => {
  const { probe } = built(withRuntime());
  assert.match(probe("livenessProbe").exec!.command[2]!, /test -f .*\/runtime-ready$/);
  assert.equal(probe("livenessProbe").terminationGracePeriodSeconds, 5);
});

Deno.test("runtimeContainer() keeps the user's probes, hooks, mounts and limits", () => {
  const { container, probe, preStop } = built(withRuntime(
    "livenessProbe: {exec: {command: [mine]}}, lifecycle: {preStop: {exec: {command: [bye]}}}, " +
      "resources: {limits: {nvidia.com/gpu: 1}}, volumeMounts: [{name: m, mountPath: /m}]",
    "volumes: [{name: m, emptyDir: {}}]",
  ));
  assert.deepEqual(probe("livenessProbe"), { exec: { command: ["mine"] } });
  assert.deepEqual(preStop, { exec: { command: ["bye"] } });
  assert.ok(probe("readinessProbe").exec);
  assert.deepEqual(container["resources"], { limits: { "nvidia.com/gpu": 1 } });
  assert.deepEqual(container.volumeMounts?.map(({ mountPath }) => mountPath), [
    "/m",
    "/var/run/asya",
    "/opt/asya/asya_runtime.py",
  ]);
});

Deno.test("runtimeContainer() of the short form has image, handler and code of its own", () => {
  const python = "handler: {python: {path: app.run}}";
  const { container, env, volumes } = built(python, "{annotations: {asya.sh/code: prep-code}}");
  assert.equal(container.image, "python:3.13-slim");
  assert.equal(env["ASYA_HANDLER"], "app.run");
  assert.equal(env["PYTHONPATH"], "/opt/asya/code");
  assert.deepEqual(volumes.at(-1), { name: "asya-code", configMap: { name: "prep-code" } });
});

Deno.test("runtimeContainer() of the short form takes the image that is named", () => {
  const { container, env } = built("handler: {python: {path: app.run, image: mine:3}}");
  assert.equal(container.image, "mine:3");
  assert.equal(env["PYTHONPATH"], undefined);
});
