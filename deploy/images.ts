/** The images that the system is made of, and the names under which a release looks for them. */

import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parse } from "yaml";

/** The root of the sources, from which images are built and in which the chart is. */
export const ROOT: string = fileURLToPath(new URL("..", import.meta.url));

/** The chart's folder. */
export const CHART: string = join(ROOT, "chart");

/** What an image may be called with `--only`, and its key in the chart's `images`. */
export const IMAGES = ["sidecar", "gateway", "operator"] as const;

/** One of {@linkcode IMAGES}. */
export type ImageName = typeof IMAGES[number];

/** The name with registry and tag, as the chart makes it. */
export function imageReference(
  image: ImageName,
  { registry, tag }: { readonly registry?: string | undefined; readonly tag: string },
): string {
  const before = registry ? `${registry.replace(/\/$/, "")}/` : "";
  return `${before}asya-${image}:${tag}`;
}

interface ChartFile {
  readonly appVersion: string;
  readonly sources?: readonly string[];
}

async function chartFile(): Promise<ChartFile> {
  return parse(await Deno.readTextFile(join(CHART, "Chart.yaml")));
}

/** The tag that the chart gives images where nobody says another: its `appVersion`. */
export async function defaultTag(): Promise<string> {
  return String((await chartFile()).appVersion);
}

/** Where the project's source is, as the chart says it in `sources`; undefined: it says nothing. */
export async function sourceAddress(): Promise<string | undefined> {
  return (await chartFile()).sources?.[0];
}

/** A tag that no image has yet, so that Kubernetes sees that images were built anew. */
export function freshTag(version: string, now: Date): string {
  return `${version}-${
    now.toISOString().replace(/\.\d+Z$/, "").replaceAll(/[-:]/g, "").toLowerCase()
  }`;
}
