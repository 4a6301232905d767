import assert from "node:assert/strict";
import { deniedIn, neededPermissions, operatorsOf, readManifests, storageClaims } from "./facts.ts";

const MANIFESTS = readManifests(`
apiVersion: apps/v1
kind: StatefulSet
metadata: { name: db, namespace: n }
spec: { volumeClaimTemplates: [{ spec: {} }, { spec: { storageClassName: fast } }] }
---
# nothing but a comment
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: { name: c, namespace: n }
spec: {}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: { name: r }
---
apiVersion: v1
kind: ConfigMap
metadata: { name: o, namespace: n, labels: { app.kubernetes.io/component: operator } }
data: { operator.yaml: "namespaces: [a, b]" }
`);

Deno.test("storageClaims() counts claims and templates of claims by their class", () => {
  assert.deepEqual(storageClaims(MANIFESTS), { "": 2, fast: 1 });
});

Deno.test("neededPermissions() asks for each kind once, in its namespace or for the cluster", () => {
  const needed = neededPermissions(MANIFESTS, { namespace: "n", namespaceExists: true });
  const has = (wanted: object) =>
    needed.some((one) => JSON.stringify(one) === JSON.stringify(wanted));
  assert.ok(has({ verb: "patch", group: "apps", resource: "statefulsets", namespace: "n" }));
  assert.ok(has({ verb: "create", group: "rbac.authorization.k8s.io", resource: "clusterroles" }));
  assert.ok(!needed.some(({ resource }) => resource === "namespaces"));
  assert.equal(new Set(needed.map((one) => JSON.stringify(one))).size, needed.length);
});

Deno.test("neededPermissions() asks to make the namespace that is not there", () => {
  const needed = neededPermissions([], { namespace: "n", namespaceExists: false });
  assert.ok(needed.some(({ resource, verb }) => resource === "namespaces" && verb === "create"));
});

Deno.test("deniedIn() reads one list or an object after another, and takes a missing answer for a no", () => {
  const permissions = ["a", "b"].map((resource) => ({ verb: "get", group: "", resource }));
  const yes = '{"status":{"allowed":true}}';
  const no = '{"status":{"allowed":false}}';
  assert.deepEqual(deniedIn(`${yes}\n${no}\n`, permissions), [permissions[1]]);
  assert.deepEqual(deniedIn(`{"items":[${yes},${yes}]}`, permissions), []);
  assert.deepEqual(deniedIn(yes, permissions), [permissions[1]]);
});

Deno.test("operatorsOf() finds an operator by its configuration, and what it looks after", () => {
  assert.deepEqual(operatorsOf(MANIFESTS), [{ namespace: "n", watches: ["a", "b"] }]);
});
