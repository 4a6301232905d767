import assert from "node:assert/strict";
import { parse } from "yaml";
import { readActor } from "./mod.ts";

function read(spec: string, metadata = "{name: prep}") {
  return readActor({
    apiVersion: "asya.sh/v1alpha1",
    kind: "AsyncActor",
    metadata: parse(metadata),
    spec: parse(spec),
    status: { status: "Running", conditions: [] },
  });
}

function problemsOf(spec: string, metadata?: string): readonly string[] {
  const found = read(spec, metadata);
  assert.ok("problems" in found, "no problem was found");
  return found.problems;
}

const PYTHON = "handler: {python: {path: app.run}}";

Deno.test("readActor() fills in defaults, and keeps what the API server has added", () => {
  const metadata = "{name: prep, uid: u, generation: 3, managedFields: [{manager: kubectl}]}";
  const found = read(`{transport: rabbitmq, ${PYTHON}}`, metadata);
  assert.ok("actor" in found);
  assert.equal(found.actor.spec.timeout.processing, 300);
  assert.equal(found.actor.spec.workload.kind, "Deployment");
  assert.equal(found.actor.metadata.uid, "u");
  assert.equal(found.actor.metadata.generation, 3);
});

Deno.test("readActor() reads an actor whose defaults the API server filled in", () => {
  const found = read(
    `{transport: rabbitmq, ${PYTHON}, sidecar: {env: []}, timeout: {processing: 300}, ` +
      "workload: {replicas: 1, pythonExecutable: python3}, scaling: {triggers: []}}",
  );
  assert.ok("actor" in found);
});

Deno.test("readActor() lists every problem with its field and how to mend it", () => {
  const problems = problemsOf(
    "{transport: 7, timeout: {processing: 0}, scaling: {minReplicas: 9, maxReplicas: 2}}",
  );
  assert.deepEqual(problems, [
    'spec.transport is 7, expected text (put it in quotes: "7")',
    "spec.timeout.processing is 0 (write at least 1)",
    "spec: the actor has no handler (add spec.workload.template or spec.handler)",
    "spec.scaling.minReplicas is 9, above maxReplicas, which is 2 (lower it, or raise maxReplicas)",
  ]);
});

Deno.test("readActor() refuses a Job", () => {
  const [problem] = problemsOf(`{transport: rabbitmq, ${PYTHON}, workload: {kind: Job}}`);
  assert.equal(problem, "spec.workload.kind is Job (write Deployment or StatefulSet)");
});

Deno.test("readActor() takes end actors without a handler, and with the crew's volumes only", () => {
  for (const name of ["happy-end", "error-end"]) {
    assert.ok("actor" in read("{transport: rabbitmq}", `{name: ${name}}`));
    const pod = "{containers: [], volumes: [{name: results, emptyDir: {}}]}";
    const spec = `{transport: rabbitmq, workload: {template: {spec: ${pod}}}}`;
    assert.ok("actor" in read(spec, `{name: ${name}}`));
  }
});

Deno.test("readActor() wants asya-runtime in any other actor's template", () => {
  const spec = "{transport: rabbitmq, workload: {template: {spec: {containers: []}}}}";
  assert.match(problemsOf(spec)[0]!, /no container is called asya-runtime/);
});
