/** Tells the service's refusals apart, whole calls and single entries of a batch alike. */

import { TransportUnavailable } from "../queue.ts";

/** A refusal: an error of the client, or an entry's failure in a batch. */
export interface Refusal {
  readonly code: string;
  readonly message: string;
  /** The HTTP status; absent when no answer came. */
  readonly status?: number;
  /** The client's error, where the whole call failed. */
  readonly cause?: unknown;
}

/** What any failure says. */
export function refusalOf(error: unknown): Refusal {
  if (!(error instanceof Error)) return { code: "Unknown", message: String(error) };
  const { $metadata: metadata, code } = error as Error & {
    $metadata?: { httpStatusCode?: number };
    code?: unknown;
  };
  const status = metadata?.httpStatusCode;
  return {
    code: error.name === "Error" && typeof code === "string" ? code : error.name,
    // a failed connection may have tried several addresses and say nothing itself
    message: error.message || (typeof code === "string" ? code : error.name),
    ...status === undefined ? {} : { status },
    cause: error,
  };
}

const THROTTLED = /Throttl|TooManyRequests|RequestLimitExceeded|OverLimit|SlowDown/;

/** Whether nobody answered, or somebody on the way who is not the service. */
export function isUnreachable({ status }: Refusal): boolean {
  return status === undefined || status >= 500;
}

/** Whether the service asks for fewer requests, or fewer messages in flight. */
export function isThrottled({ code, status }: Refusal): boolean {
  return status === 429 || THROTTLED.test(code);
}

/** Whether the queue is not there. */
export function isMissing({ code }: Refusal): boolean {
  return code.endsWith("QueueDoesNotExist") || code.endsWith("NonExistentQueue");
}

/** Whether the receipt stands for nothing any more: somebody else has the message, or nobody. */
export function isLost({ code, message }: Refusal): boolean {
  return code.endsWith("ReceiptHandleIsInvalid") || code.endsWith("MessageNotInflight") ||
    code.endsWith("InvalidParameterValue") && /receipt|not available for visibility/i.test(message);
}

/** Whether the message has been held for as long as the service lets anybody hold one. */
export function isHeldTooLong({ message }: Refusal): boolean {
  return /beyond the limit/i.test(message);
}

/** Whether the text holds characters that the service does not take. */
export function isBadText({ code }: Refusal): boolean {
  return code.endsWith("InvalidMessageContents");
}

/** The most bytes that the service takes in one message, where that is what it says. */
export function messageLimitOf({ message }: Refusal): number | undefined {
  return numberIn(/must be shorter than (\d+) bytes/i.exec(message));
}

/** Whether the messages of one batch are too much together, and how much they may be. */
export function batchLimitOf({ code, message }: Refusal): number | undefined {
  if (!code.endsWith("BatchRequestTooLong")) return undefined;
  return numberIn(/longer than (\d+) bytes/i.exec(message)) ?? 0;
}

function numberIn(match: RegExpExecArray | null): number | undefined {
  return match === null ? undefined : Number(match[1]);
}

/** The transport's error: what was tried, what SQS said, and what can be done where that is known. */
export function unavailable(doing: string, refusal: Refusal): TransportUnavailable {
  const { code, message, cause } = refusal;
  const text = `SQS cannot ${doing} now: ${message} (${code})${adviceFor(refusal)}`;
  return new TransportUnavailable(text, { cause });
}

/** What can be done, as the end of a sentence; empty where nothing is known. */
export function adviceFor(refusal: Refusal): string {
  const { code } = refusal;
  if (code === "OverLimit") return "; too many messages are in flight, settle some or add a queue";
  if (isThrottled(refusal)) return "; it is asked more slowly";
  if (/AccessDenied|Kms/.test(code)) return "; correct the permissions of these credentials";
  if (/Credentials|Token|Signature|AccessKey/.test(code)) return "; check the AWS credentials";
  return "";
}
