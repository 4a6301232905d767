import assert from "node:assert/strict";
import { examplePod, startingPod, troubledPod, unscheduledPod } from "./example.ts";
import { lastWords, podView, type PodWarning } from "./pod_view.ts";

const waiting = (reason: string, message = "") => ({ state: { waiting: { reason, message } } });
const crashed = (exitCode: number, message = "", reason = "Error") => ({
  restartCount: 3,
  state: { waiting: { reason: "CrashLoopBackOff", message: "back-off 40s" } },
  lastState: { terminated: { exitCode, reason, message } },
});

const LOG = '{"level": "info", "message": "starts"}\n' +
  '{"level": "error", "message": "cannot load ASYA_HANDLER=\'a.b\': there is no module \'a\'"}\n';

const rows: readonly [
  what: string,
  container: Readonly<Record<string, unknown>>,
  word: string | undefined,
  message: RegExp,
][] = [
  [
    "an image that is not there",
    waiting("ImagePullBackOff", 'Back-off pulling image "nope:1"'),
    "ImagePullError",
    /^pod p, container asya-runtime: ImagePullBackOff: Back-off pulling image "nope:1"$/,
  ],
  [
    "an image with a wrong name",
    waiting("InvalidImageName"),
    "ImagePullError",
    /InvalidImageName$/,
  ],
  [
    "a Secret that is missing",
    waiting("CreateContainerConfigError", 'secret "keys" not found'),
    "ConfigError",
    /CreateContainerConfigError: secret "keys" not found/,
  ],
  [
    "a mount that fails",
    waiting("CreateContainerError", "failed to prepare subPath for volumeMount"),
    "VolumeError",
    /subPath/,
  ],
  [
    "a command that is not there",
    waiting("RunContainerError", 'exec: "python9": executable file not found'),
    "RuntimeError",
    /python9/,
  ],
  [
    "a handler that is missing",
    crashed(1, LOG),
    "RuntimeError",
    /^pod p, container asya-runtime: it ended with exit code 1: cannot load .* no module 'a'$/,
  ],
  [
    "too little memory",
    crashed(137, "", "OOMKilled"),
    "RuntimeError",
    /more memory than its limit/,
  ],
  [
    "a sidecar that crashes",
    { ...crashed(2, "ASYA_TRANSPORT is missing"), name: "asya-sidecar" },
    "SidecarError",
    /container asya-sidecar: it ended with exit code 2: ASYA_TRANSPORT is missing/,
  ],
  [
    "a container between two of many crashes",
    { restartCount: 2, state: { running: {} }, lastState: { terminated: { exitCode: 1 } } },
    "RuntimeError",
    /exit code 1$/,
  ],
  [
    "a container right after its first crash",
    { state: { terminated: { exitCode: 1, message: "no" } } },
    "RuntimeError",
    /exit code 1: no$/,
  ],
  ["a container that is created", waiting("ContainerCreating"), undefined, /^$/],
  [
    "a container that loads again after one crash",
    { restartCount: 1, state: { running: {} }, lastState: { terminated: { exitCode: 1 } } },
    undefined,
    /^$/,
  ],
];

for (const [what, container, word, message] of rows) {
  Deno.test(`podView() of ${what}: ${word ?? "no trouble"}`, () => {
    const trouble = podView(troubledPod("p", container))?.trouble;
    assert.equal(trouble?.word, word);
    assert.match(trouble?.message ?? "", message);
  });
}

Deno.test("podView() tells a lack of room from a volume that cannot be had", () => {
  const room = podView(unscheduledPod("p", "0/3 nodes are available: 3 Insufficient cpu."));
  assert.equal(room?.trouble?.word, "PendingResources");
  assert.match(room!.trouble!.message, /^pod p: 0\/3 nodes .* Insufficient cpu/);
  const unbound = "pod has unbound immediate PersistentVolumeClaims";
  assert.equal(podView(unscheduledPod("p", unbound))?.trouble?.word, "VolumeError");
});

Deno.test("podView() takes a warning about volumes while the pod is not ready", () => {
  const message = 'MountVolume.SetUp failed: configmap "upper" not found';
  const warnings: PodWarning[] = [{ pod: "p", reason: "FailedMount", message }];
  assert.equal(podView(startingPod("p"), warnings)?.trouble?.word, "VolumeError");
  assert.equal(podView(startingPod("q"), warnings)?.trouble, undefined);
  assert.equal(podView(examplePod("p"), warnings)?.trouble, undefined);
});

Deno.test("podView() leaves out pods that ended for good, and asks nothing of those that end", () => {
  assert.equal(podView(examplePod("p", { phase: "Failed", reason: "Evicted" })), undefined);
  const ending = examplePod("p", {}, { deletionTimestamp: "2026-01-01T00:00:00Z" });
  assert.deepEqual(podView(ending), { name: "p", ready: true, ending: true });
});

Deno.test("podView() names the containers that a pod waits for", () => {
  const view = podView(troubledPod("p", { name: "asya-sidecar", state: { running: {} } }));
  assert.equal(view?.unready, "pod p waits for asya-sidecar");
  assert.equal(podView(examplePod("p"))?.unready, undefined);
});

Deno.test("lastWords() is the message of the last line, whole or not JSON", () => {
  assert.equal(
    lastWords({ message: LOG }),
    "cannot load ASYA_HANDLER='a.b': there is no module 'a'",
  );
  assert.equal(lastWords({ message: "Traceback\nValueError: no\n" }), "ValueError: no");
  assert.equal(lastWords({ message: '{"message": "cut' }), '{"message": "cut');
  assert.equal(lastWords({}), "");
});
