/** An SQS to test against, in a process of its own; it ends with its standard input. */

import { buildApp } from "fauxqs";

const app = buildApp({ logger: false });
console.log(await app.listen({ port: 0, host: "127.0.0.1" }));
for await (const _ of Deno.stdin.readable) { /* nothing is expected */ }
Deno.exit();
