import assert from "node:assert/strict";
import { SettingsError } from "@asya/config";
import { openResults, resultProblems } from "./open_results.ts";
import { ResultBucket } from "./result_bucket.ts";
import { ResultFolder } from "./result_folder.ts";

Deno.test("openResults() opens the folder or the bucket that is set", async () => {
  const folder = await openResults({ resultsDir: "/results" });
  assert.ok(folder instanceof ResultFolder);
  const bucket = await openResults({ s3Bucket: "results" });
  assert.ok(bucket instanceof ResultBucket);
  bucket.close();
});

Deno.test("openResults() wants one of both, not none and not two", async () => {
  await assert.rejects(openResults({}), SettingsError);
  assert.match(resultProblems({})[0]!, /neither ASYA_RESULTS_DIR nor ASYA_S3_BUCKET is set/);
  const both = { resultsDir: "/results", s3Bucket: "results" };
  await assert.rejects(openResults(both), SettingsError);
  assert.match(resultProblems(both)[0]!, /ASYA_RESULTS_DIR and ASYA_S3_BUCKET are both set/);
});
