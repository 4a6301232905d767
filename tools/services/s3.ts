/** An S3 for tests, in this process: the one of the crew's own tests. */

import { startS3 as startCrewS3 } from "../../crew/testing/s3.ts";

/** A running S3 without buckets; any credentials, region us-east-1. */
export interface TestS3 extends AsyncDisposable {
  readonly url: string;
}

/** Starts one on a free port of the loopback. `If-None-Match: *` writes a key once. */
export function startS3(): Promise<TestS3> {
  const s3 = startCrewS3();
  const url = s3.endpoint;
  return Promise.resolve({ url, [Symbol.asyncDispose]: () => s3[Symbol.asyncDispose]() });
}
