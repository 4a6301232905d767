/** For tests: a bucket of their own, and what is in it. */

import {
  CreateBucketCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  S3Client,
} from "@aws-sdk/client-s3";

/** What the AWS SDK finds: stores for tests take any credentials. */
export const TEST_CREDENTIALS = { AWS_ACCESS_KEY_ID: "test", AWS_SECRET_ACCESS_KEY: "test" };

/** Gives this process credentials, where it has none. */
export function setTestCredentials(): void {
  for (const [name, value] of Object.entries(TEST_CREDENTIALS)) {
    if (Deno.env.get(name) === undefined) Deno.env.set(name, value);
  }
}

/** A bucket with a name of its own. */
export class TestBucket implements Disposable {
  readonly #client: S3Client;

  private constructor(readonly endpoint: string, readonly bucket: string) {
    setTestCredentials();
    this.#client = new S3Client({ endpoint, region: "us-east-1", forcePathStyle: true });
  }

  /** Makes one at an endpoint. */
  static async create(endpoint: string): Promise<TestBucket> {
    const made = new TestBucket(endpoint, `results-${crypto.randomUUID()}`);
    await made.#client.send(new CreateBucketCommand({ Bucket: made.bucket }));
    return made;
  }

  /** The keys in it, at most a thousand. */
  async keys(): Promise<string[]> {
    const { Contents = [] } = await this.#client.send(
      new ListObjectsV2Command({ Bucket: this.bucket }),
    );
    return Contents.map(({ Key }) => Key!);
  }

  /** An object as text, and its content type. */
  async read(key: string): Promise<{ text: string; type: string | undefined }> {
    const object = await this.#client.send(
      new GetObjectCommand({ Bucket: this.bucket, Key: key }),
    );
    return { text: await object.Body!.transformToString(), type: object.ContentType };
  }

  [Symbol.dispose](): void {
    this.#client.destroy();
  }
}
