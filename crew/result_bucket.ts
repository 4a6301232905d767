/**
 * Results and errors as objects of an S3 bucket: `<prefix>/<yyyy-mm-dd>/<actor>/<id>.json`, each the
 * whole envelope. The first write of a key wins (`If-None-Match: *`).
 *
 * The date is UTC and that of the end actor's first attempt, so a retry meets its own object. An
 * envelope that the broker delivers again knows of no earlier attempt: in the first hour of a day
 * the key of the day before is looked at, too. Only one that comes back later than that, to an
 * acknowledgement lost before midnight, is kept a second time, under the later date.
 */

import {
  HeadObjectCommand,
  PutObjectCommand,
  S3Client,
  S3ServiceException,
} from "@aws-sdk/client-s3";
import { encodeEnvelope, type Envelope, parseTimestamp } from "@asya/envelope";
import { Backoff } from "@asya/transport";
import { resultName } from "./result_folder.ts";
import type { ResultStore } from "./result_store.ts";

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** One request, however large the envelope. */
const TIMEOUT_MS = 60_000;
const CONNECT_MS = 5_000;
/** Two writers of one key at once: S3 tells one of them to come again. */
const CONFLICT_ATTEMPTS = 5;
const CONFLICT_PAUSE_MS = 50;
const CONFLICT_LONGEST_MS = 1_000;
/** Stores other than Amazon's take any region; requests are signed with one. */
const ANY_REGION = "us-east-1";

/** Which bucket, and how to reach it. */
export interface ResultBucketOptions {
  /** The bucket's name; it exists. */
  readonly bucket: string;
  /** URL of a store that is not Amazon's; the bucket is then part of the path. */
  readonly endpoint?: string | undefined;
  /** Goes before every key. Slashes at its ends do not count. */
  readonly prefix?: string | undefined;
  /** Default: what the AWS SDK finds. */
  readonly region?: string | undefined;
  /** Milliseconds since 1970. Default `Date.now`. */
  readonly now?: () => number;
}

/** The bucket could not be written to or looked at. */
export class ResultBucketError extends Error {
  /** The class. */
  override readonly name = "ResultBucketError";
  /** Stable. */
  readonly code = "results_unavailable";
}

/** A store of finished envelopes in S3. Credentials are those that the AWS SDK finds. */
export class ResultBucket implements ResultStore {
  readonly #client: S3Client;
  readonly #now: () => number;
  readonly #prefix: string;

  /** Nothing is asked of the bucket yet, and it is never created. */
  constructor(private readonly options: ResultBucketOptions) {
    const { endpoint, region, prefix = "", now = Date.now } = options;
    this.#now = now;
    const trimmed = prefix.replace(/^\/+|\/+$/g, "");
    this.#prefix = trimmed === "" ? "" : `${trimmed}/`;
    this.#client = new S3Client({
      requestHandler: { connectionTimeout: CONNECT_MS },
      ...region === undefined ? {} : { region },
      ...endpoint === undefined ? {} : {
        endpoint,
        region: region ?? ANY_REGION,
        forcePathStyle: true,
        // Not every store knows the newer checksums.
        requestChecksumCalculation: "WHEN_REQUIRED",
        responseChecksumValidation: "WHEN_REQUIRED",
      },
    });
  }

  /**
   * Keeps an envelope, durably. False when the id was already kept: the older object stays.
   *
   * @throws ResultBucketError that says what to do
   */
  async keep(actor: string, envelope: Envelope, signal?: AbortSignal): Promise<boolean> {
    const first = envelope.status?.firstAttemptAt;
    const at = (first === undefined ? undefined : parseTimestamp(first)) ?? this.#now();
    try {
      if (at % DAY_MS < HOUR_MS && await this.#exists(this.#key(at - DAY_MS, actor, envelope.id))) {
        return false;
      }
      return await this.#put(this.#key(at, actor, envelope.id), encodeEnvelope(envelope), signal);
    } catch (error) {
      throw new ResultBucketError(this.#problem(error), { cause: error });
    }
  }

  /** Closes idle connections. Safe to call twice. */
  close(): void {
    this.#client.destroy();
  }

  #key(at: number, actor: string, id: string): string {
    const day = new Date(at).toISOString().slice(0, "yyyy-mm-dd".length);
    return `${this.#prefix}${day}/${actor}/${resultName(id)}`;
  }

  async #exists(key: string): Promise<boolean> {
    const look = new HeadObjectCommand({ Bucket: this.options.bucket, Key: key });
    try {
      await this.#client.send(look, { abortSignal: AbortSignal.timeout(TIMEOUT_MS) });
      return true;
    } catch (error) {
      // Without leave to list the bucket, S3 answers 403 for an object that is not there.
      const status = statusOf(error);
      if (status === 404 || status === 403) return false;
      throw error;
    }
  }

  async #put(key: string, body: Uint8Array, signal?: AbortSignal): Promise<boolean> {
    const put = new PutObjectCommand({
      Bucket: this.options.bucket,
      Key: key,
      Body: body,
      ContentType: "application/json",
      IfNoneMatch: "*",
    });
    const stop = signal ?? new AbortController().signal;
    const backoff = new Backoff(CONFLICT_PAUSE_MS, CONFLICT_LONGEST_MS);
    for (let attempt = 1;; attempt++) {
      const abortSignal = AbortSignal.any([stop, AbortSignal.timeout(TIMEOUT_MS)]);
      try {
        await this.#client.send(put, { abortSignal });
        return true;
      } catch (error) {
        const status = statusOf(error);
        if (status === 412) return false;
        if (status !== 409 || attempt === CONFLICT_ATTEMPTS) throw error;
        if (!await backoff.wait(stop)) throw error;
      }
    }
  }

  /** One sentence, with what to do. Nothing in it is secret: names, codes, addresses. */
  #problem(error: unknown): string {
    const { bucket, endpoint, region } = this.options;
    const where = endpoint === undefined
      ? region === undefined ? "S3" : `S3 in ${region}`
      : `the S3 at ${withoutUser(endpoint)}`;
    const results = `results cannot be kept in bucket "${bucket}" of ${where}`;
    const name = error instanceof Error ? error.name : "";
    const message = error instanceof Error ? error.message || name : String(error);
    if (name === "NoSuchBucket") {
      return `${results}: there is no such bucket; create it, or correct ASYA_S3_BUCKET`;
    }
    if (name === "CredentialsProviderError") {
      return `${results}: no credentials; give the process a role, or AWS_ACCESS_KEY_ID and ` +
        "AWS_SECRET_ACCESS_KEY";
    }
    const status = statusOf(error);
    if (status === 401 || status === 403) {
      return `${results}: access denied (${name}); its credentials must be valid and allow ` +
        "s3:PutObject and s3:GetObject there";
    }
    if (status === 301 || message === "Region is missing") {
      return `${results}: the bucket's region is not known; set ASYA_AWS_REGION to it`;
    }
    const hint = status === undefined ? "; look at the network and ASYA_S3_ENDPOINT" : "";
    const answered = status === undefined ? "" : `answered ${status} `;
    return `${results}: ${answered}${name === message ? message : `${name}: ${message}`}${hint}`;
  }
}

function statusOf(error: unknown): number | undefined {
  return error instanceof S3ServiceException ? error.$metadata.httpStatusCode : undefined;
}

/** An address as it may be logged: it may hold a user and a password. */
function withoutUser(address: string): string {
  return new URL(address).origin;
}
