/** The reference of the chart's values, from the comments of chart/values.yaml. */

const VALUES = new URL("../chart/values.yaml", import.meta.url);

/** One value of a chart. */
export interface ChartValue {
  /** E.g. `gateway.service.port`. */
  readonly path: string;
  /** As it is written in the file. */
  readonly fallback: string;
  /** The lines above it. */
  readonly meaning: string;
}

/** A value in values.yaml has no comment above it. */
export class UndescribedValue extends Error {
  /** The class's name. */
  override readonly name = "UndescribedValue";
  /** Stable, for programs. */
  readonly code = "undescribed_value";
}

const ENTRY = /^( *)([A-Za-z][\w-]*):(?: (.*))?$/;
const COMMENT = /^ *# ?(.*)$/;

/**
 * Reads the values and their comments. A value is a key with something after the colon; keys without
 * are the sections. A value that is a block (as `resources`) takes its lines along.
 *
 * @throws UndescribedValue for a value without a comment
 */
export function chartValues(text: string): ChartValue[] {
  const values: ChartValue[] = [];
  const lines = text.split("\n");
  let parents: { readonly indent: number; readonly name: string }[] = [];
  let comment: string[] = [];
  for (let at = 0; at < lines.length; at++) {
    const line = lines[at]!;
    const said = COMMENT.exec(line);
    const entry = ENTRY.exec(line);
    if (said !== null) comment.push(said[1]!);
    if (entry === null) {
      if (said === null) comment = [];
      continue;
    }
    const [, { length: indent }, name, inline] = entry as unknown as [
      string,
      string,
      string,
      string?,
    ];
    parents = parents.filter((parent) => parent.indent < indent);
    const path = [...parents, { indent, name }].map((part) => part.name).join(".");
    const block: string[] = [];
    // A described key without a value of its own has the block below it as its default.
    if (inline === undefined && comment.length > 0) {
      while (lines[at + 1]?.startsWith(" ".repeat(indent + 1))) block.push(lines[++at]!.trim());
    }
    if (inline !== undefined || block.length > 0) {
      if (comment.length === 0) {
        throw new UndescribedValue(`chart/values.yaml: ${path} has no comment`);
      }
      const fallback = inline ?? `{ ${block.join(", ")} }`;
      values.push({ path, fallback, meaning: comment.join(" ") });
    } else {
      parents.push({ indent, name });
    }
    comment = [];
  }
  return values;
}

function table(values: readonly ChartValue[]): string[] {
  const cell = (text: string) => text.replaceAll("|", "\\|");
  return [
    "| value | default | meaning |",
    "|---|---|---|",
    ...values.map(({ path, fallback, meaning }) =>
      `| \`${path}\` | \`${cell(fallback)}\` | ${cell(meaning)} |`
    ),
  ];
}

const INTRODUCTION = `# The Helm chart

    helm upgrade --install asya chart/ --namespace asya-system --create-namespace

needs Kubernetes 1.29 and, for actors that scale, KEDA. With nothing set it is a whole system for a
trial: operator, crew, gateway with an embedded store, and a RabbitMQ of one node. For more or less:

| profile | what it has |
|---|---|
| \`--values chart/profiles/minimal.yaml\` | operator, crew, RabbitMQ |
| \`--values chart/profiles/standard.yaml\` | two operators, two gateways, PostgreSQL, RabbitMQ |
| \`--values chart/profiles/full.yaml\` | standard, and PodMonitors where the cluster knows them |

A production system names its own broker in \`transports\` and its database in \`gateway.database\`:

\`\`\`yaml
rabbitmq: { enabled: false }
transports:
  main:
    type: rabbitmq
    host: rabbitmq.example.com
    username: asya
    passwordSecretRef: { name: broker, key: password }
    management: { url: "http://rabbitmq.example.com:15672" }
gateway:
  replicas: 3
  database: { urlSecretRef: { name: database, key: url } }
crew:
  maxReplicas: 3
  results: { persistence: { enabled: false }, s3: { bucket: results, region: eu-west-1 } }
\`\`\`

\`helm test\` sends an envelope by a tool of its own through an actor of its own and waits for its end;
kubelets look at ConfigMaps about once a minute, so it may take two. Without a gateway it looks
whether the crew is ready.

## The CRD

It is in \`crds/\`, because the crew's actors are in the same release: Helm installs what is there
before it looks at the rest, once, and never touches it again. Each start of an operator's pod then
brings it to the operator's own version, by server-side apply, before the operator runs: after an
upgrade, a rollback, \`helm template | kubectl apply\` or a CD tool alike. For this the operator may patch
this one CRD. With \`crd.upgrade: false\` it may not, and \`kubectl apply --server-side -f chart/crds/\` is
yours to do before each upgrade.

## What stays

\`helm uninstall\` removes the operator, the gateway, and the crew with its pods. What stays: the CRD, actors
of yours and what runs for them, queues, volumes, the passwords that volumes were made with, and what
the operator put into namespaces for their actors. To be rid of it all, first \`kubectl delete asya --all -A\`,
then uninstall, then:

    kubectl -n asya-system delete pvc,secret -l app.kubernetes.io/instance=asya
    kubectl delete secret,configmap -A -l app.kubernetes.io/managed-by=asya-operator
    kubectl delete crd asyncactors.asya.sh

Generated passwords are looked up in the cluster, so that an upgrade keeps them. \`helm template\` cannot
do this and makes new ones each time: there name Secrets of your own.

## Security

Every pod of the chart runs as a user that is not root, without capabilities, with the seccomp profile
of the runtime, and, but for RabbitMQ, on a read-only root. With \`podSecurity: baseline\` a pod that has a
volume first runs one container as root that may do nothing but give the volume to the pod's user: not
all storage honours fsGroup. With \`restricted\` there is none. NetworkPolicies close every way in that is not
needed: actors can be asked for metrics, the broker is for actors, gateway, operator and KEDA, the database
for the gateway.

## Values
`;

/** The page docs/chart.md. */
export async function chartPage(): Promise<string> {
  return [INTRODUCTION, ...table(chartValues(await Deno.readTextFile(VALUES))), ""].join("\n");
}
