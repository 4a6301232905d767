import assert from "node:assert/strict";
import type { KubeObject } from "./object.ts";
import { actorState, isOnItsWay, logPlaces } from "./status.ts";

const NAME = { namespace: "n", name: "a" };

function actor(
  generation: number,
  status: string | undefined,
  ready: string,
  stalled = "False",
  observedGeneration = 2,
): KubeObject {
  const conditions = [
    { type: "Ready", status: ready, message: "pod a-1: no such image" },
    { type: "Stalled", status: stalled },
  ];
  return {
    apiVersion: "asya.sh/v1alpha1",
    kind: "AsyncActor",
    metadata: { name: "a", generation },
    ...status === undefined ? {} : { status: { status, observedGeneration, conditions } },
  };
}

Deno.test("actorState() believes a status of the newest spec only", () => {
  const cases: [string, KubeObject | undefined, boolean, boolean, string][] = [
    ["gone", undefined, false, false, "is not there"],
    ["new", actor(1, undefined, ""), false, false, "waits for the operator"],
    ["of before", actor(3, "Running", "True"), false, false, "waits for the operator"],
    ["ready", actor(2, "Napping", "True"), true, false, "Napping"],
    ["on its way", actor(2, "Creating", "False"), false, false, "Creating: pod a-1: no such image"],
    [
      "in trouble",
      actor(2, "ImagePullError", "False", "True"),
      false,
      true,
      "ImagePullError: pod a-1: no such image",
    ],
  ];
  for (const [what, object, ready, stalled, text] of cases) {
    const expected = { actor: NAME, name: "a", ready, stalled, text };
    assert.deepEqual(actorState(NAME, object), expected, what);
  }
});

function pod(containers: readonly object[], more: object = {}): KubeObject {
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name: "p", namespace: "n", ...more },
    status: { containerStatuses: containers },
  };
}

const READY = { name: "ready", ready: true, state: { running: {} } };
const PULLING = { name: "pulling", state: { waiting: { reason: "ContainerCreating" } } };
const BACK_OFF = { waiting: { reason: "CrashLoopBackOff" } };
const CRASHING = { name: "crashing", ready: false, restartCount: 2, state: BACK_OFF };
const STARTING = { name: "starting", ready: false, restartCount: 0, state: { running: {} } };
const ENDING = { deletionTimestamp: "now" };

Deno.test("logPlaces() finds the containers that fail, else those that are not ready", () => {
  const places = (...containers: object[]) =>
    logPlaces(pod(containers)).map(({ container, previous }) => [container, previous]);
  assert.deepEqual(places(READY, PULLING, CRASHING, STARTING), [["crashing", true]]);
  assert.deepEqual(places(READY, PULLING, STARTING), [["starting", false]]);
  assert.deepEqual(places(READY, PULLING), []);
  const noImage = { name: "x", ready: false, state: { waiting: { reason: "ErrImagePull" } } };
  assert.deepEqual(places(noImage, STARTING), []);
  assert.deepEqual(logPlaces(pod([CRASHING], ENDING)), []);
});

Deno.test("isOnItsWay() tells a pod that is being made from one in trouble", () => {
  assert.equal(isOnItsWay(pod([PULLING, STARTING])), true);
  assert.equal(isOnItsWay(pod([CRASHING, STARTING])), false);
  assert.equal(isOnItsWay(pod([PULLING], ENDING)), false);
});
