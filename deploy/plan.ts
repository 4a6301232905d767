/** What a deployment does, as command lines: from options to words, without doing any of it. */

import { join } from "node:path";
import { CHART, IMAGES } from "./images.ts";
import type { Target } from "./target.ts";

/** The sets of values that the chart has for whole systems. */
export const PROFILES = ["minimal", "standard", "full"] as const;

/** What to install. */
export interface Wish {
  readonly profile: typeof PROFILES[number];
  readonly registry?: string | undefined;
  /** Of all images; undefined: what the chart says. */
  readonly tag?: string | undefined;
  readonly values: readonly string[];
  readonly set: readonly string[];
  /** In Go's words, e.g. `5m`. */
  readonly timeout: string;
}

/** The CRD, which Helm installs but never changes. */
export const CRD = join(CHART, "crds", "asyncactors.asya.sh.yaml");

function valueArgs({ profile, registry, tag, values, set }: Wish): string[] {
  const ours = [
    ...registry === undefined ? [] : [`images.registry=${JSON.stringify(registry)}`],
    ...tag === undefined ? [] : IMAGES.map((image) => `images.${image}.tag=${JSON.stringify(tag)}`),
  ];
  return [
    ...["--values", join(CHART, "profiles", `${profile}.yaml`)],
    ...values.flatMap((file) => ["--values", file]),
    // Helm reads these before --set, whose word is the last.
    ...ours.flatMap((pair) => ["--set-json", pair]),
    ...set.flatMap((pair) => ["--set", pair]),
  ];
}

/**
 * Prints what would be installed.
 *
 * @param kubernetes version of the cluster, as it says it
 */
export function renderCommand(
  { helm, release }: Target,
  wish: Wish,
  kubernetes: string,
): readonly string[] {
  return [...helm, "template", release, CHART, "--kube-version", kubernetes, ...valueArgs(wish)];
}

/** Brings the CRD to this version; fields that others own are taken over. */
export function crdCommands({ kubectl }: Target): (readonly string[])[] {
  const name = "customresourcedefinition/asyncactors.asya.sh";
  return [
    [...kubectl, "apply", "--server-side", "--force-conflicts", "-f", CRD],
    [...kubectl, "wait", "--for=condition=Established", "--timeout=60s", name],
  ];
}

/** Installs or upgrades; what fails is taken back. */
export function upgradeCommand({ helm, release }: Target, wish: Wish): readonly string[] {
  const flags = ["--install", "--create-namespace", "--atomic", "--wait", "--timeout"];
  return [...helm, "upgrade", release, CHART, ...flags, wish.timeout, ...valueArgs(wish)];
}

/** Sends an envelope through the installed system; `helm test` of the chart. */
export function smokeCommand({ helm, release }: Target): readonly string[] {
  return [...helm, "test", release, "--timeout", "6m"];
}

/** What the chart tells a user: addresses, next commands. */
export function notesCommand({ helm, release }: Target): readonly string[] {
  return [...helm, "get", "notes", release];
}

/** A command line to paste into a shell. */
export function shellLine(command: readonly string[]): string {
  return command.map((word) =>
    /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`
  )
    .join(" ");
}
