import assert from "node:assert/strict";
import { readActor } from "@asya/manifest";
import { parse } from "yaml";
import { asyncActorCrd, crdText } from "./crd.ts";
import { PRINTER_COLUMNS } from "./columns.ts";
import { badActors, goodActors } from "./examples.ts";
import type { StructuralSchema } from "./structural.ts";

interface Version {
  readonly schema: { readonly openAPIV3Schema: StructuralSchema };
  readonly subresources: { readonly scale: Readonly<Record<string, string>> };
}

function version(): Version {
  return (asyncActorCrd().spec as { versions: Version[] }).versions[0]!;
}

function* schemas(schema: StructuralSchema, path: string): Generator<[string, StructuralSchema]> {
  yield [path, schema];
  for (const [name, field] of Object.entries(schema.properties ?? {})) {
    yield* schemas(field, `${path}.${name}`);
  }
  if (schema.items) yield* schemas(schema.items, `${path}[]`);
  if (schema.additionalProperties) yield* schemas(schema.additionalProperties, `${path}{}`);
}

/** The schema of a JSON path such as `.spec.scaling.minReplicas`. */
function at(path: string): StructuralSchema | undefined {
  let schema: StructuralSchema | undefined = version().schema.openAPIV3Schema;
  for (const part of path.split(".").slice(1)) schema = schema?.properties?.[part];
  return schema;
}

Deno.test("asyncActorCrd() is structural: every field has a type, and free fields or named ones", () => {
  for (const [path, schema] of schemas(version().schema.openAPIV3Schema, "")) {
    assert.ok(schema.type, `${path} has no type`);
    assert.ok(!(schema.properties && schema.additionalProperties), `${path} has both`);
    if (schema.type === "array") assert.ok(schema.items, `${path} has no items`);
    const known = JSON.stringify(Object.keys(schema));
    assert.ok(!/\$ref|anyOf|oneOf|allOf|const|propertyNames/.test(known), `${path}: ${known}`);
  }
});

Deno.test("asyncActorCrd() describes every field of ours, in sentences", () => {
  const kubernetes = /\.template\.|\.env|\.valueFrom|workloadRef\.|scaledObjectRef\./;
  const root = version().schema.openAPIV3Schema;
  for (const part of ["spec", "status"]) {
    for (const [path, schema] of schemas(root.properties![part]!, `.${part}`)) {
      if (/\[\]$|\{\}$/.test(path) || kubernetes.test(path)) continue;
      assert.match(schema.description ?? "", /\.$/, `${path} has no description`);
    }
  }
});

Deno.test("asyncActorCrd() shows columns and scales by fields that are in the schema", () => {
  const paths = PRINTER_COLUMNS.map(({ jsonPath }) => jsonPath);
  const { specReplicasPath, statusReplicasPath, labelSelectorPath } = version().subresources.scale;
  for (const path of [...paths, specReplicasPath!, statusReplicasPath!, labelSelectorPath!]) {
    if (path.startsWith(".metadata.")) continue;
    assert.ok(at(path), `${path} is not in the schema`);
  }
});

Deno.test("asyncActorCrd() lets the older workload.type say the kind: kind has no default", () => {
  assert.equal(at(".spec.workload.kind")?.default, undefined);
  assert.equal(at(".spec.workload.replicas")?.default, 1);
});

Deno.test("asyncActorCrd() keeps what it does not know of a pod template, and nothing else", () => {
  const free = "x-kubernetes-preserve-unknown-fields";
  assert.equal(at(".spec.workload.template.spec")?.[free], true);
  assert.equal(at(".spec.workload.template.spec.containers")?.items?.[free], true);
  assert.equal(at(".spec.scaling")?.[free], undefined);
});

Deno.test("crdText() is the object, also to a reader of YAML 1.1", () => {
  assert.deepEqual(parse(crdText(), { version: "1.1" }), structuredClone(asyncActorCrd()));
});

Deno.test("readActor() agrees with the CRD on every actor of the table", () => {
  for (const { text, value } of goodActors()) {
    const read = readActor(value);
    assert.ok("actor" in read, `${text}\n${"problems" in read && read.problems.join("\n")}`);
  }
  for (const { text, value, clusterOnly } of badActors()) {
    assert.equal("problems" in readActor(value), !clusterOnly, text);
  }
});

/** The value as the API server stores it: defaults filled in wherever a field is absent. */
function defaulted(schema: StructuralSchema, value: unknown): unknown {
  if (Array.isArray(value)) return value.map((item) => defaulted(schema.items ?? {}, item));
  if (typeof value !== "object" || value === null) return value;
  const filled: Record<string, unknown> = { ...value };
  for (const [name, field] of Object.entries(schema.properties ?? {})) {
    const given = filled[name] ?? structuredClone(field.default);
    if (given !== undefined) filled[name] = defaulted(field, given);
  }
  return filled;
}

Deno.test("readActor() reads what the API server has filled in, as it reads what was written", () => {
  for (const { text, value } of goodActors()) {
    const [written, stored] = [
      readActor(value),
      readActor(defaulted(version().schema.openAPIV3Schema, value)),
    ];
    assert.ok("actor" in written && "actor" in stored, text);
    assert.deepEqual(stored.actor, written.actor);
  }
});
