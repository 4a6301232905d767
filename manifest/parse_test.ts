import assert from "node:assert/strict";
import { ManifestError, parseManifests, problemLine } from "./mod.ts";

const HELLO = `apiVersion: asya.sh/v1alpha1
kind: AsyncActor
metadata:
  name: hello-actor
spec:
  transport: rabbitmq
  workload:
    template:
      spec:
        containers:
          - name: asya-runtime
            image: python:3.13-slim
            env:
              - name: ASYA_HANDLER
                value: handler.process
            volumeMounts:
              - { name: code, mountPath: /app, readOnly: true }
        volumes:
          - name: code
            configMap: { name: hello-code, defaultMode: 0644 }
        nodeSelector: { disk: ssd }
`;

function problems(text: string): string[] {
  try {
    parseManifests([{ path: "a.yaml", text }]);
  } catch (error) {
    if (!(error instanceof ManifestError)) throw error;
    assert.equal(error.message, error.problems.map(problemLine).join("\n"));
    return error.problems.map(problemLine);
  }
  return [];
}

Deno.test("parseManifests() fills in the defaults of an actor", () => {
  const { actors } = parseManifests([{ path: "dir/a.yaml", text: HELLO }]);
  const { file, line, value } = actors[0]!;
  assert.deepEqual([file, line], ["dir/a.yaml", 1]);
  assert.equal(value.spec.timeout.processing, 300);
  assert.deepEqual(value.spec.batch, { size: 1, wait: "10ms" });
  assert.equal(value.spec.scaling.maxReplicas, 50);
  assert.equal(value.spec.workload.kind, "Deployment");
  assert.deepEqual(value.spec.workload.template?.spec["nodeSelector"], { disk: "ssd" });
});

Deno.test("parseManifests() reports five mistakes of one file at once, each with its line", () => {
  const text = HELLO
    .replace("transport:", "transprot:")
    .replace("value: handler.process", "value: 5")
    .replace("volumeMounts:", "volumeMount:")
    .replace("name: asya-runtime", "name: asya-runtim")
    .replace("spec:\n  trans", "spec:\n  concurrency: two\n  trans");
  assert.deepEqual(problems(text), [
    "a.yaml:6:16: spec.concurrency is two, expected a number (write a number)",
    "a.yaml:7:3: spec.transprot is no field (did you mean transport?)",
    "a.yaml:12:19: no container is called asya-runtime (did you mean asya-runtime?)",
    "a.yaml:16:24: spec.workload.template.spec.containers[0].env[0].value is 5, expected text " +
    '(put it in quotes: "5")',
    "a.yaml:17:13: spec.workload.template.spec.containers[0].volumeMount is no field " +
    "(did you mean volumeMounts?)",
  ]);
});

const MISTAKES: readonly [what: string, from: string, to: string, reported: RegExp][] = [
  [
    "a missing handler",
    HELLO.slice(HELLO.indexOf("  workload")),
    "",
    /:5:1: the actor has no hand/,
  ],
  ["a command", "image:", "command: [sh]\n            image:", /:12:13: .* has a command \(remov/],
  [
    "a second runtime",
    "          - name",
    "          - name: asya-runtime\n          - name",
    /sec/,
  ],
  [
    "a sidecar",
    "          - name",
    "          - name: asya-sidecar\n          - name",
    /itself \(g/,
  ],
  ["an unknown volume", "{ name: code", "{ name: cod", /no volume called cod \(did you mean code/],
  ["an illegal name", "hello-actor", "Hello", /:4:9: metadata.name is no actor name: Hello \(low/],
  ["an illegal duration", "transport", "batch: { wait: 5x }\n  transport", /batch.wait is no dura/],
  ["an unknown word", "workload:", "workload:\n    kind: Deploymnt", /did you mean Deployment/],
  [
    "min above max",
    "workload",
    "scaling: { minReplicas: 60 }\n  workload",
    /above maxReplicas, wh/,
  ],
  [
    "an unknown policy",
    "workload",
    "resiliency: { policies: { slow: {} }, rules: [{ errors: [A], policy: slwo }] }\n  workload",
    /no policy called slwo \(did you mean slow\?\)/,
  ],
  ["a wrong kind", "AsyncActor", "AsyncActr", /:2:7: there is no kind AsyncActr .*AsyncActor\?/],
  ["a duplicated key", "spec:\n", "spec:\nkind: X\n", /:6:1: this is no YAML: Map keys must be un/],
  ["a wrong indentation", "  transport", "   transport", /is no YAML/],
  ["a zero", "transport", "concurrency: 0\n  transport", /concurrency is 0 \(write at least 1\)/],
];
for (const [what, from, to, reported] of MISTAKES) {
  Deno.test(`parseManifests() reports ${what}`, () => {
    assert.ok(HELLO.includes(from));
    const found = problems(HELLO.replace(from, to));
    assert.equal(found.length, 1, found.join("\n"));
    assert.match(found[0]!, reported);
  });
}

const WASM = `apiVersion: asya.sh/v1alpha1
kind: AsyncActor
metadata: { name: redact }
spec:
  transport: rabbitmq
  handler:
    wasm:
      module: { file: redact.ts }
`;

Deno.test("parseManifests() reads the short form of a WASM handler", () => {
  const { actors } = parseManifests([{ path: "a.yaml", text: WASM }]);
  const { wasm } = actors[0]!.value.spec.handler!;
  assert.equal(wasm?.module.file, "redact.ts");
  assert.deepEqual([wasm?.function, wasm?.memory, wasm?.timeout], ["handle", "64Mi", "1s"]);
});

Deno.test("parseManifests() wants exactly one source of a WASM module", () => {
  const none = problems(WASM.replace("file: redact.ts", ""));
  assert.match(none[0]!, /module has no source \(write exactly one of configMap, url/);
  const two = problems(WASM.replace("redact.ts", "redact.ts, image: x"));
  assert.match(two[0]!, /has the sources file and image/);
  const url = problems(WASM.replace("file: redact.ts", "url: 'https://a.example/b.wasm'"));
  assert.match(url[0]!, /no sha256 beside it/);
});

Deno.test("parseManifests() reads workload.type as kind", () => {
  const text = HELLO.replace("workload:", "workload:\n    type: StatefulSet");
  const { actors } = parseManifests([{ path: "a.yaml", text }]);
  assert.equal(actors[0]!.value.spec.workload.kind, "StatefulSet");
});

Deno.test("parseManifests() decodes ConfigMaps and Secrets and hands back other kinds", () => {
  const text = `kind: ConfigMap
apiVersion: v1
metadata: { name: code }
data: { handler.py: "x = 1" }
binaryData: { a.bin: AAH/ }
---
kind: Secret
apiVersion: v1
metadata: { name: keys }
data: { token: aGVsbG8= }
stringData: { other: plain }
---
# nothing here
---
kind: Service
apiVersion: v1
---
tools: []
`;
  const { configMaps, secrets, others } = parseManifests([{ path: "a.yaml", text }]);
  const decoder = new TextDecoder();
  const { files } = configMaps[0]!.value;
  assert.equal(decoder.decode(files.get("handler.py")), "x = 1");
  assert.deepEqual([...files.get("a.bin")!], [0, 1, 255]);
  assert.equal(decoder.decode(secrets[0]!.value.files.get("token")), "hello");
  assert.equal(decoder.decode(secrets[0]!.value.files.get("other")), "plain");
  assert.deepEqual(others.map(({ line, value }) => [line, value.kind]), [[15, "Service"], [
    18,
    undefined,
  ]]);
});

Deno.test("parseManifests() refuses a key that would leave its folder, and bad base64", () => {
  const head = "kind: ConfigMap\napiVersion: v1\nmetadata: { name: a }\n";
  assert.match(problems(head + "data: { ../x: y }\n")[0]!, /:4:9: data.* is no key/);
  assert.match(problems(head + "binaryData: { x: '%' }\n")[0]!, /:4:18: .* is no base64/);
});

Deno.test("parseManifests() refuses two actors of one name, and says where the first one is", () => {
  const files = [{ path: "a.yaml", text: WASM }, { path: "b.yaml", text: `\n${WASM}` }];
  assert.throws(() => parseManifests(files), {
    name: "ManifestError",
    message: "b.yaml:2:1: a second AsyncActor is called redact " +
      "(rename or remove it: the first one is at a.yaml:1)",
  });
});

Deno.test("parseManifests() bounds aliases that multiply", () => {
  const rows = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"];
  for (let i = 1; i < 9; i++) {
    rows.push(`a${i}: &a${i} [${Array(10).fill(`*a${i - 1}`).join(", ")}]`);
  }
  assert.match(problems(rows.join("\n"))[0]!, /alias/i);
});

Deno.test("parseManifests() takes a field without a value for absent", () => {
  const { actors } = parseManifests([{ path: "a.yaml", text: `${WASM}  scaling:\n` }]);
  assert.equal(actors[0]!.value.spec.scaling.enabled, false);
});
