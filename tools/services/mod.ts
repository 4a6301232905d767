/** The servers that tests use beside Deno, private to one run. */

import { rabbitmqOf } from "./debian_rabbitmq.ts";
import { startPostgres } from "./postgres.ts";
import { startRabbitmq } from "./rabbitmq.ts";
import { startS3 } from "./s3.ts";
import { startEmulator } from "../../transport/sqs/emulator_process.ts";
import { ServiceUnavailable } from "./unavailable.ts";

/** A server that tests find through one variable of the environment. */
export interface Service {
  readonly name: string;
  /** Where it is set already, its server is used and none is started. */
  readonly variable: string;
  /** Rejects with {@linkcode ServiceUnavailable} where this machine cannot have one. */
  start(): Promise<{ readonly url: string } & AsyncDisposable>;
}

/** One line each. */
const SERVICES: readonly Service[] = [
  { name: "RabbitMQ", variable: "ASYA_TEST_RABBITMQ_URL", start: startRabbitmq },
  {
    name: "RabbitMQ 4",
    variable: "ASYA_TEST_RABBITMQ_4_URL",
    start: () => startRabbitmq({}, () => rabbitmqOf("trixie")),
  },
  { name: "PostgreSQL", variable: "ASYA_TEST_POSTGRES_URL", start: startPostgres },
  { name: "SQS", variable: "ASYA_TEST_SQS_ENDPOINT", start: startEmulator },
  { name: "S3", variable: "ASYA_TEST_S3_ENDPOINT", start: startS3 },
];

/** What runs, until it is disposed of. */
export interface TestServices extends AsyncDisposable {
  /** The variables of what was started. */
  readonly env: Readonly<Record<string, string>>;
  /** What tests must do without. */
  readonly skipped: readonly { readonly name: string; readonly reason: string }[];
}

/**
 * Starts all of them at once. A server that this machine cannot have is skipped; one that should
 * start and does not ends those that did, and rejects.
 */
export async function startTestServices(
  services: readonly Service[] = SERVICES,
  given: (variable: string) => string | undefined = (name) => Deno.env.get(name),
): Promise<TestServices> {
  const wanted = services.filter(({ variable }) => !given(variable));
  const results = await Promise.allSettled(wanted.map((service) => service.start()));
  await using started = new AsyncDisposableStack();
  const env: Record<string, string> = {};
  const skipped: { name: string; reason: string }[] = [];
  const failures: unknown[] = [];
  for (const [n, { name, variable }] of wanted.entries()) {
    const result = results[n]!;
    if (result.status === "fulfilled") env[variable] = started.use(result.value).url;
    else if (!(result.reason instanceof ServiceUnavailable)) failures.push(result.reason);
    else skipped.push({ name, reason: result.reason.message });
  }
  if (failures.length > 0) throw failures[0];
  const held = started.move();
  return { env, skipped, [Symbol.asyncDispose]: () => held.disposeAsync() };
}
