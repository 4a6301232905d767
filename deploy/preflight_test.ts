import assert from "node:assert/strict";
import { type Check, type Facts, preflight, type Wanted } from "./preflight.ts";

const WELL: Facts = {
  kubectl: "v1.34.4",
  helm: "v3.19.5",
  context: { value: "prod" },
  server: { value: "v1.34.4" },
  keda: { value: "2.19.0" },
  storage: { value: { names: ["standard"], standard: "standard" } },
  chart: { value: { claims: { "": 3 }, watches: [] } },
  denied: { value: [] },
  architectures: { value: { amd64: 3 } },
  release: { value: undefined },
  operators: { value: [] },
  namespacePhase: { value: undefined },
};

const WANTED: Wanted = {
  release: "asya",
  namespace: "asya-system",
  chart: "asya",
  imageArchitecture: undefined,
};

function wrong(facts: Partial<Facts>, wanted: Partial<Wanted> = {}): Check[] {
  const checks = preflight({ ...WELL, ...facts }, { ...WANTED, ...wanted });
  return checks.filter(({ state }) => state !== "good");
}

Deno.test("preflight() finds nothing where all is well", () => {
  assert.deepEqual(wrong({}), []);
  assert.deepEqual(
    wrong({ release: { value: { status: "deployed", chart: "asya-0.1.0", revision: 3 } } }),
    [],
  );
});

const down = { unknown: "connection refused" };
const pending = (revision: number, status = "pending-upgrade") => ({
  release: { value: { status, chart: "asya-0.1.0", revision } },
});

const TABLE: readonly (readonly [
  what: string,
  facts: Partial<Facts>,
  text: RegExp,
  mend: RegExp,
  wanted?: Partial<Wanted>,
])[] = [
  ["kubectl missing", { kubectl: undefined }, /kubectl is not installed/, /kubernetes\.io/],
  ["helm missing", { helm: undefined }, /helm is not installed/, /helm\.sh/],
  ["helm old", { helm: "v3.2.1" }, /helm 3\.2\.1 is older than/, /helm\.sh/],
  ["no context", { context: { unknown: "not set" } }, /no cluster is chosen/, /use-context/],
  ["server old", { server: { value: "v1.28.9" } }, /1\.28\.9 is older than 1\.29/, /upgrade/],
  [
    "no KEDA",
    { keda: { value: undefined } },
    /KEDA is not installed/,
    /helm upgrade --install keda/,
  ],
  ["old KEDA", { keda: { value: "2.4.0" } }, /KEDA 2\.4\.0 is older/, /helm upgrade/],
  [
    "no default StorageClass",
    { storage: { value: { names: ["fast"] } } },
    /3 volumes would wait for ever/,
    /kubectl annotate storageclass fast/,
  ],
  [
    "no StorageClass of that name",
    { chart: { value: { claims: { gold: 1 }, watches: [] } } },
    /there is no StorageClass gold/,
    /standard/,
  ],
  [
    "a permission is lacking",
    {
      denied: {
        value: [{ verb: "create", group: "apps", resource: "deployments", namespace: "x" }],
      },
    },
    /in namespace x you may not create deployments\.apps/,
    /kubectl -n x create role asya-deploy --verb=create --resource=deployments\.apps; .* -n x create rolebinding/,
  ],
  [
    "nodes of another architecture than the images",
    { architectures: { value: { arm64: 2 } } },
    /2 arm64; images built here are for amd64/,
    /on a machine with arm64/,
    { imageArchitecture: "amd64" },
  ],
  [
    "first install was killed",
    pending(1, "pending-install"),
    /is pending-install/,
    /helm uninstall asya/,
  ],
  ["an upgrade was killed", pending(4), /is pending-upgrade/, /helm rollback asya 3/],
  [
    "another chart of that name",
    { release: { value: { status: "deployed", chart: "nginx-1.2.3", revision: 1 } } },
    /another chart: nginx-1\.2\.3/,
    /--namespace/,
  ],
  [
    "the namespace goes",
    { namespacePhase: { value: "Terminating" } },
    /is being deleted/,
    /kubectl wait --for=delete namespace\/asya-system/,
  ],
  [
    "another operator looks after all namespaces",
    { operators: { value: [{ namespace: "other", watches: [] }] } },
    /the operator in namespace other looks after actors in all namespaces/,
    /undeploy --namespace other/,
  ],
  [
    "the chart refuses the values",
    { chart: { unknown: "crew.x" } },
    /refuses these values: crew\.x/,
    /--values/,
  ],
];

for (const [what, facts, text, mend, wanted] of TABLE) {
  Deno.test(`preflight() says how to mend it: ${what}`, () => {
    const checks = wrong(facts, wanted);
    assert.equal(checks.length, 1, JSON.stringify(checks));
    assert.match(checks[0]!.text, text);
    assert.match(checks[0]!.mend!, mend);
    assert.equal(checks[0]!.state, "problem");
  });
}

Deno.test("preflight() says in one line for each place what a user lacks there, and how to grant it", () => {
  const of = (resource: string, group: string, ...verbs: string[]) =>
    verbs.map((verb) => ({ verb, group, resource }));
  const denied = [
    ...of("clusterroles", "rbac.authorization.k8s.io", "create", "patch"),
    ...of("namespaces", "", "create"),
    ...of("services", "", "create", "patch").map((one) => ({ ...one, namespace: "x" })),
    ...of("deployments", "apps", "create", "patch").map((one) => ({ ...one, namespace: "x" })),
  ];
  assert.deepEqual(wrong({ denied: { value: denied } }).map(({ text, mend }) => [text, mend]), [
    [
      "in the cluster you may not create, patch clusterroles.rbac.authorization.k8s.io; " +
      "create namespaces",
      "kubectl create clusterrole asya-deploy --verb=create,patch " +
      "--resource=clusterroles.rbac.authorization.k8s.io,namespaces; kubectl create " +
      "clusterrolebinding asya-deploy --clusterrole=asya-deploy --user=NAME   " +
      "(by an administrator; `kubectl auth whoami` says your NAME)",
    ],
    [
      "in namespace x you may not create, patch services, deployments.apps",
      "kubectl -n x create role asya-deploy --verb=create,patch " +
      "--resource=services,deployments.apps; kubectl -n x create rolebinding asya-deploy " +
      "--role=asya-deploy --user=NAME   (by an administrator; `kubectl auth whoami` says your NAME)",
    ],
  ]);
});

Deno.test("preflight() warns where a user may not see what storage there is", () => {
  const [check, ...more] = wrong({ storage: { unknown: "forbidden" } });
  assert.deepEqual(more, []);
  assert.equal(check!.state, "warning");
  assert.match(check!.text, /3 volumes is not known: forbidden/);
});

Deno.test("preflight() lists every problem at once", () => {
  const checks = wrong({
    helm: undefined,
    keda: { value: undefined },
    storage: { value: { names: [] } },
  });
  assert.equal(checks.length, 3);
});

Deno.test("preflight() of a cluster that does not answer says so once", () => {
  const facts = { server: down, keda: down, storage: down, denied: down, architectures: down };
  const checks = wrong({ ...facts, release: down, operators: down, namespacePhase: down });
  assert.deepEqual(checks.map(({ text }) => text), [
    "the cluster does not answer: connection refused",
  ]);
});

Deno.test("preflight() lets two operators be that look after different namespaces", () => {
  const chart = { value: { claims: {}, watches: ["a"] } };
  assert.deepEqual(
    wrong({ chart, operators: { value: [{ namespace: "o", watches: ["b"] }] } }),
    [],
  );
  assert.equal(
    wrong({ chart, operators: { value: [{ namespace: "o", watches: ["a"] }] } }).length,
    1,
  );
});

Deno.test("preflight() warns where only some nodes can run the images", () => {
  const facts = { architectures: { value: { amd64: 1, arm64: 1 } } };
  const [check] = wrong(facts, { imageArchitecture: "amd64" });
  assert.equal(check!.state, "warning");
});
