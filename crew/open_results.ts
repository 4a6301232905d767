/** Which store the settings choose. */

import { SettingsError } from "@asya/config";
import type { SidecarSettings } from "@asya/sidecar";
import { ResultFolder } from "./result_folder.ts";
import type { ResultStore } from "./result_store.ts";

/** The settings that say where results go. */
export type ResultSettings = Partial<
  Pick<SidecarSettings, "resultsDir" | "s3Bucket" | "s3Endpoint" | "s3Prefix" | "awsRegion">
>;

/** What is wrong with the choice of a store; empty when nothing is. */
export function resultProblems({ resultsDir, s3Bucket }: ResultSettings): string[] {
  if (resultsDir === undefined && s3Bucket === undefined) {
    return [
      "neither ASYA_RESULTS_DIR nor ASYA_S3_BUCKET is set: " +
      "the folder or the bucket that results are written to",
    ];
  }
  if (resultsDir === undefined || s3Bucket === undefined) return [];
  return ["ASYA_RESULTS_DIR and ASYA_S3_BUCKET are both set: results go to one of them"];
}

/**
 * Opens the folder or the bucket; the client of S3 is loaded only for a bucket.
 *
 * @throws SettingsError unless exactly one of the two is set
 */
export async function openResults(settings: ResultSettings): Promise<ResultStore> {
  const problems = resultProblems(settings);
  if (problems.length > 0) throw new SettingsError(problems);
  const { resultsDir, s3Bucket: bucket, s3Endpoint: endpoint, s3Prefix: prefix } = settings;
  if (bucket === undefined) return new ResultFolder(resultsDir!);
  const { ResultBucket } = await import("./result_bucket.ts");
  return new ResultBucket({ bucket, endpoint, prefix, region: settings.awsRegion });
}
