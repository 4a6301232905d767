/** An SQS for a pod: an emulator, bundled by {@linkcode ./sqs.ts}. */

import { buildApp } from "fauxqs";

await buildApp({ logger: false }).listen({ port: 4566, host: "0.0.0.0" });
