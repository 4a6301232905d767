/**
 * The part of Kubernetes' pod template that we read. Everything else in a template belongs to
 * Kubernetes and passes through; only a near miss of a known field is taken for a mistake.
 * Reference: https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/
 */

import { z } from "zod";

/** Points at one key of a ConfigMap or Secret. */
export interface KeyRef {
  /** Of the ConfigMap or Secret. */
  readonly name: string;
  /** One of its keys. */
  readonly key: string;
  /** Whether it may be absent. */
  readonly optional?: boolean;
}

/** Where the value of an {@linkcode EnvVar} comes from; exactly one member is set. */
export interface EnvVarSource {
  /** A key of a ConfigMap. */
  readonly configMapKeyRef?: KeyRef;
  /** A key of a Secret. */
  readonly secretKeyRef?: KeyRef;
  /** A field of the pod, e.g. `metadata.name`. */
  readonly fieldRef?: { readonly fieldPath: string };
  /** Kubernetes' other sources. */
  readonly [other: string]: unknown;
}

/** One environment variable as Kubernetes writes it. */
export interface EnvVar {
  /** The variable's name. */
  readonly name: string;
  /** `$(NAME)` in it stands for an earlier variable. */
  readonly value?: string;
  /** Instead of `value`. */
  readonly valueFrom?: EnvVarSource;
}

/** All keys of a ConfigMap or Secret as variables. */
export interface EnvFrom {
  /** Put before each key. */
  readonly prefix?: string;
  /** A whole ConfigMap. */
  readonly configMapRef?: { readonly name: string; readonly optional?: boolean };
  /** A whole Secret. */
  readonly secretRef?: { readonly name: string; readonly optional?: boolean };
  /** Whatever else Kubernetes has. */
  readonly [other: string]: unknown;
}

/** Where a container sees a volume. */
export interface VolumeMount {
  /** Of a volume of the pod. */
  readonly name: string;
  /** Absolute, in the container. */
  readonly mountPath: string;
  /** One entry of the volume instead of all. */
  readonly subPath?: string;
  /** Whatever else Kubernetes has. */
  readonly [other: string]: unknown;
}

/** One container of a pod. */
export interface Container {
  /** `asya-runtime` is the handler's. */
  readonly name: string;
  /** Where it starts from. */
  readonly image?: string;
  /** Asya sets that of `asya-runtime`. */
  readonly command?: readonly string[];
  /** Arguments of the command. */
  readonly args?: readonly string[];
  /** Default: that of the image. */
  readonly workingDir?: string;
  /** Win over `envFrom`. */
  readonly env?: readonly EnvVar[];
  /** Whole ConfigMaps and Secrets as variables. */
  readonly envFrom?: readonly EnvFrom[];
  /** Where it sees which volume. */
  readonly volumeMounts?: readonly VolumeMount[];
  /** Whatever else Kubernetes has. */
  readonly [other: string]: unknown;
}

/** Which key of a ConfigMap or Secret becomes which file. */
export interface KeyToPath {
  /** Of the ConfigMap or Secret. */
  readonly key: string;
  /** Relative to the mount. */
  readonly path: string;
  /** Permission bits. */
  readonly mode?: number;
}

/** A volume; `configMap` and `secret` are the ones that we read. */
export interface Volume {
  /** What mounts call it. */
  readonly name: string;
  /** Files of a ConfigMap. */
  readonly configMap?: {
    readonly name: string;
    readonly items?: readonly KeyToPath[];
    readonly optional?: boolean;
    readonly [other: string]: unknown;
  };
  /** Files of a Secret. */
  readonly secret?: {
    readonly secretName: string;
    readonly items?: readonly KeyToPath[];
    readonly optional?: boolean;
    readonly [other: string]: unknown;
  };
  /** Kubernetes' other volumes. */
  readonly [other: string]: unknown;
}

/** What every pod of an actor looks like. */
export interface PodTemplate {
  /** Labels and annotations of the pods. */
  readonly metadata?: Readonly<Record<string, unknown>>;
  /** Containers, volumes and whatever else Kubernetes has. */
  readonly spec: {
    readonly containers: readonly Container[];
    readonly volumes?: readonly Volume[];
    readonly terminationGracePeriodSeconds?: number;
    readonly [other: string]: unknown;
  };
}

/** Fields of Kubernetes' that a schema lets pass without reading them; used to spot near misses. */
export const passedFields: z.core.$ZodRegistry<readonly string[]> = z.registry();

function lenient<S extends z.core.$ZodShape>(shape: S, passed: string) {
  const schema = z.looseObject(shape);
  passedFields.add(schema, passed.split(" "));
  return schema;
}

const opt = z.exactOptional;
const keyRef = z.strictObject({ name: z.string(), key: z.string(), optional: opt(z.boolean()) });
const wholeRef = z.strictObject({ name: z.string(), optional: opt(z.boolean()) });
const items = z.array(
  z.strictObject({ key: z.string(), path: z.string(), mode: opt(z.int()) }),
);

/** {@linkcode EnvVar} */
export const envVarSchema: z.ZodType<EnvVar> = z.strictObject({
  name: z.string(),
  value: opt(z.string()),
  valueFrom: opt(lenient({
    configMapKeyRef: opt(keyRef),
    secretKeyRef: opt(keyRef),
    fieldRef: opt(lenient({ fieldPath: z.string() }, "apiVersion")),
  }, "resourceFieldRef fileKeyRef")),
});

const containerSchema: z.ZodType<Container> = lenient(
  {
    name: z.string().max(63),
    image: opt(z.string()),
    command: opt(z.array(z.string())),
    args: opt(z.array(z.string())),
    workingDir: opt(z.string()),
    env: opt(z.array(envVarSchema)),
    envFrom: opt(z.array(lenient({
      prefix: opt(z.string()),
      configMapRef: opt(wholeRef),
      secretRef: opt(wholeRef),
    }, ""))),
    volumeMounts: opt(z.array(lenient({
      name: z.string(),
      mountPath: z.string(),
      subPath: opt(z.string()),
    }, "readOnly recursiveReadOnly mountPropagation subPathExpr"))),
  },
  "ports resources resizePolicy restartPolicy volumeDevices livenessProbe readinessProbe " +
    "startupProbe lifecycle terminationMessagePath terminationMessagePolicy imagePullPolicy " +
    "securityContext stdin stdinOnce tty",
);

const volumeSchema: z.ZodType<Volume> = lenient({
  name: z.string(),
  configMap: opt(lenient({
    name: z.string(),
    items: opt(items),
    optional: opt(z.boolean()),
  }, "defaultMode")),
  secret: opt(lenient({
    secretName: z.string(),
    items: opt(items),
    optional: opt(z.boolean()),
  }, "defaultMode")),
}, "emptyDir hostPath persistentVolumeClaim projected csi downwardAPI ephemeral image nfs iscsi");

/** {@linkcode PodTemplate} */
export const podTemplateSchema: z.ZodType<PodTemplate> = z.strictObject({
  metadata: opt(lenient({}, "name namespace labels annotations")),
  spec: lenient(
    {
      containers: z.array(containerSchema).max(32),
      volumes: opt(z.array(volumeSchema)),
      terminationGracePeriodSeconds: opt(z.int().min(0)),
    },
    "initContainers serviceAccountName serviceAccount automountServiceAccountToken nodeSelector " +
      "nodeName affinity tolerations topologySpreadConstraints securityContext imagePullSecrets " +
      "hostNetwork hostPID hostIPC dnsPolicy dnsConfig hostAliases hostname subdomain " +
      "priorityClassName priority schedulerName runtimeClassName restartPolicy " +
      "activeDeadlineSeconds enableServiceLinks readinessGates shareProcessNamespace " +
      "preemptionPolicy overhead os resourceClaims setHostnameAsFQDN schedulingGates",
  ),
});
