import assert from "node:assert/strict";
import type { KubeObject } from "../kube/object.ts";
import { checkOwner, NameTaken, superfluous } from "./ownership.ts";

const ACTOR: KubeObject = {
  apiVersion: "asya.sh/v1alpha1",
  kind: "AsyncActor",
  metadata: { name: "prep", namespace: "shop", uid: "1" },
};

function workload(kind: string, name: string, ownerUid?: string): KubeObject {
  const { apiVersion, kind: ownerKind, metadata } = ACTOR;
  const owner = { apiVersion, kind: ownerKind, name: metadata.name, uid: ownerUid ?? "" };
  const ownerReferences = ownerUid === undefined ? [] : [owner];
  return { apiVersion: "apps/v1", kind, metadata: { name, namespace: "shop", ownerReferences } };
}

Deno.test("checkOwner() takes the actor's own object", () => {
  checkOwner(workload("Deployment", "prep", "1"), ACTOR);
});

Deno.test("checkOwner() leaves somebody else's object alone and says what to do", () => {
  assert.throws(() => checkOwner(workload("Deployment", "prep"), ACTOR), (error) => {
    assert.ok(error instanceof NameTaken);
    assert.match(error.message, /Deployment shop\/prep is there already .* rename the actor/);
    return true;
  });
});

Deno.test("checkOwner() waits for what an actor of the same name left behind", () => {
  const left = workload("Deployment", "prep", "0");
  assert.throws(() => checkOwner(left, ACTOR), /predecessor is still being deleted/);
});

Deno.test("superfluous() names the actor's objects that are not wanted any more, and no others", () => {
  const live = [
    workload("Deployment", "prep", "1"),
    workload("StatefulSet", "prep", "1"),
    workload("StatefulSet", "other", "2"),
    workload("StatefulSet", "user"),
  ];
  const found = superfluous(live, [workload("StatefulSet", "prep")], ACTOR);
  assert.deepEqual(found.map(({ object, resource }) => [resource.plural, object.metadata.name]), [
    ["deployments", "prep"],
  ]);
});
