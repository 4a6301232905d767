/** Kubernetes' environment entries to plain values: `valueFrom`, `envFrom` and `$(NAME)`. */

import type { KeyedFiles } from "./keyed.ts";
import type { EnvFrom, EnvVar, KeyRef } from "./pod.ts";

/** Where references lead. */
export interface References {
  /** A ConfigMap by name. */
  configMap(name: string): KeyedFiles | undefined;
  /** A Secret by name. */
  secret(name: string): KeyedFiles | undefined;
  /** Values of `fieldRef` by path, e.g. `metadata.name`. */
  readonly fields: Readonly<Record<string, string>>;
}

/** The plain environment, and what could not be found (each a sentence). */
export interface ResolvedEnvironment {
  /** Variables by name. */
  readonly values: Readonly<Record<string, string>>;
  /** What was referred to and is not there, a sentence each. */
  readonly missing: readonly string[];
}

const decoder = new TextDecoder();

/** `$(NAME)` is an earlier variable, `$$(NAME)` is the text `$(NAME)`, an unknown name stays. */
function expand(text: string, known: ReadonlyMap<string, string>): string {
  return text.replace(/\$(\$\([^)]*\)|\(([^)]*)\))/g, (whole, rest: string, name?: string) => {
    if (name === undefined) return rest;
    return known.get(name) ?? whole;
  });
}

/** Resolves `env` over `envFrom`, in Kubernetes' order. */
export function resolveEnvironment(
  env: readonly EnvVar[],
  envFrom: readonly EnvFrom[],
  references: References,
): ResolvedEnvironment {
  const values = new Map<string, string>();
  const missing: string[] = [];

  const key = (variable: string, kind: "ConfigMap" | "Secret", ref: KeyRef) => {
    const found = kind === "ConfigMap"
      ? references.configMap(ref.name)
      : references.secret(ref.name);
    const bytes = found?.files.get(ref.key);
    if (bytes) values.set(variable, decoder.decode(bytes));
    else if (!ref.optional) {
      const what = found ? `has no key ${ref.key}` : "was not found";
      missing.push(`${variable} refers to ${kind} ${ref.name}, which ${what}`);
    }
  };

  for (const { prefix = "", configMapRef, secretRef } of envFrom) {
    const ref = configMapRef ?? secretRef;
    if (!ref) continue;
    const kind = configMapRef ? "ConfigMap" : "Secret";
    const found = configMapRef ? references.configMap(ref.name) : references.secret(ref.name);
    if (!found && !ref.optional) {
      missing.push(`envFrom refers to ${kind} ${ref.name}, which was not found`);
    }
    for (const [name, bytes] of found?.files ?? []) {
      values.set(prefix + name, decoder.decode(bytes));
    }
  }
  for (const { name, value, valueFrom } of env) {
    if (valueFrom?.configMapKeyRef) key(name, "ConfigMap", valueFrom.configMapKeyRef);
    else if (valueFrom?.secretKeyRef) key(name, "Secret", valueFrom.secretKeyRef);
    else if (valueFrom?.fieldRef) {
      const field = references.fields[valueFrom.fieldRef.fieldPath];
      if (field !== undefined) values.set(name, field);
      else {missing.push(
          `${name} refers to field ${valueFrom.fieldRef.fieldPath}, which is unknown here`,
        );}
    } else if (valueFrom) {
      missing.push(`${name} refers to ${Object.keys(valueFrom).join(", ")}, which is unknown here`);
    } else values.set(name, expand(value ?? "", values));
  }
  return { values: Object.fromEntries(values), missing };
}
