/**
 * Rules across fields of an AsyncActor, which the API server itself checks when one is applied
 * (CEL, https://kubernetes.io/docs/reference/using-api/cel/). manifest/rules.ts has the same and
 * more for files; what only it knows shows as ConfigError in the status.
 */

/** One rule. */
export interface Rule {
  /** The field that the rule stands at; none: the whole object, where `metadata.name` is known. */
  readonly at: readonly string[];
  /** True is good. */
  readonly rule: string;
  /** What to do. */
  readonly message: string;
}

const END = "self.metadata.name in ['happy-end', 'error-end']";
const TEMPLATE = "self.spec.?workload.?template";
const CONTAINERS = ["spec", "workload", "template", "spec", "containers"];
const MODULE = ["spec", "handler", "wasm", "module"];
const sources = ["configMap", "url", "image", "volume", "file"];

/** A Go duration, such as 1h30m or 300ms. */
function duration(at: readonly string[], fields: readonly string[]): Rule[] {
  return fields.map((field) => ({
    at: [...at, field],
    rule: "self.matches('^([0-9]+([.][0-9]+)?(ns|us|µs|ms|s|m|h))+$|^0$')",
    message: `write a duration like 300ms, 30s, 5m or 1h30m`,
  }));
}

/** In the order in which they are looked at. */
export const RULES: readonly Rule[] = [
  {
    at: [],
    rule: "self.metadata.name.size() <= 63 && !self.metadata.name.endsWith('-dlq') && " +
      "self.metadata.name.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?$')",
    message:
      "metadata.name is no actor name: lower-case letters, digits and dashes, at most 63, a " +
      "letter or digit at both ends, not ending in -dlq",
  },
  {
    at: [],
    rule: `${END} || has(self.spec.handler) || ${TEMPLATE}.hasValue()`,
    message: "the actor has no handler: add spec.workload.template or spec.handler",
  },
  {
    at: [],
    rule: `${END} || !${TEMPLATE}.hasValue() || self.spec.workload.template.spec.containers` +
      ".exists_one(c, c.name == 'asya-runtime')",
    message: "exactly one container must be called asya-runtime: the one with your handler",
  },
  {
    at: ["spec"],
    rule: "!has(self.handler) || !self.?workload.?template.hasValue()",
    message: "handler and workload.template exclude each other: remove one of them",
  },
  {
    at: CONTAINERS,
    rule: "self.filter(c, c.name == 'asya-runtime').size() <= 1",
    message: "a second container is called asya-runtime: give all but one another name",
  },
  {
    at: CONTAINERS,
    rule: "self.all(c, c.name != 'asya-runtime' || !has(c.command))",
    message: "the container asya-runtime has a command: remove it, Asya sets it; to choose a " +
      "Python, set spec.workload.pythonExecutable",
  },
  {
    at: CONTAINERS,
    rule: "self.all(c, c.name != 'asya-sidecar')",
    message: "a container is called asya-sidecar, which Asya adds itself: give it another name",
  },
  ...["kind", "type"].map((field) => ({
    at: ["spec", "workload", field],
    rule: "self in ['Deployment', 'StatefulSet']",
    message:
      "write Deployment or StatefulSet; an actor waits for its next envelope, so it cannot " +
      "be a Job",
  })),
  {
    at: ["spec", "workload"],
    rule: "!has(self.kind) || !has(self.type) || self.kind == self.type",
    message: "kind and type say different things: remove type, the older name of kind",
  },
  {
    at: ["spec", "scaling"],
    rule: "self.?minReplicas.orValue(0) <= self.?maxReplicas.orValue(50)",
    message: "minReplicas is above maxReplicas: lower it, or raise maxReplicas",
  },
  {
    at: ["spec", "transport"],
    rule: "self.size() > 0",
    message: "transport is empty: write the name of a transport of the operator",
  },
  {
    at: ["spec", "queueName"],
    rule: "self.matches('^[A-Za-z0-9_.:/-]+$')",
    message: "queueName is no queue's name: letters, digits and _ . : / -",
  },
  {
    at: ["spec", "handler"],
    rule: "has(self.wasm) != has(self.python)",
    message: "write either wasm or python",
  },
  {
    at: ["spec", "handler", "python", "path"],
    rule: "self.matches('^[^0-9. -][^. -]*([.][^0-9. -][^. -]*)+$')",
    message: "write module.function or module.Class.method",
  },
  {
    at: MODULE,
    rule: `[${sources.map((name) => `has(self.${name})`).join(", ")}].filter(x, x).size() == 1`,
    message: "write exactly one of configMap, url, image, volume",
  },
  {
    at: MODULE,
    rule: "!has(self.file)",
    message: "file is for a laptop and for `asya deploy`: on a cluster write configMap, url, " +
      "image or volume",
  },
  {
    at: MODULE,
    rule: "!has(self.url) || has(self.sha256)",
    message: "url has no sha256 beside it: add the digest of the module",
  },
  {
    at: [...MODULE, "url"],
    rule: "self.startsWith('https://')",
    message: "write a URL that starts with https://",
  },
  {
    at: [...MODULE, "sha256"],
    rule: "self.matches('^[0-9a-fA-F]{64}$')",
    message: "write 64 hexadecimal digits",
  },
  {
    at: ["spec", "handler", "wasm", "memory"],
    rule: "self.matches('^[1-9][0-9]{0,14}(Ki|Mi|Gi|k|M|G)?$')",
    message: "write a size like 64Mi",
  },
  ...duration(["spec", "handler", "wasm"], ["timeout"]),
  ...duration(["spec", "batch"], ["wait"]),
  {
    at: ["spec", "resiliency"],
    rule: "!has(self.rules) || self.rules.all(r, has(self.policies) && r.policy in self.policies)",
    message: "a rule names a policy that is not there: add it to policies",
  },
];
