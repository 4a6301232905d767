import assert from "node:assert/strict";
import { SettingsError } from "@asya/config";
import { environment, QUIET, settingsOf } from "./fixture.ts";
import { openSqsTransport } from "./open.ts";

/** Runs with some variables unset, as on a machine that knows no AWS. */
async function without(names: readonly string[], run: () => Promise<void>): Promise<void> {
  const saved = names.map((name) => [name, Deno.env.get(name)] as const);
  for (const name of names) Deno.env.delete(name);
  try {
    await run();
  } finally {
    for (const [name, value] of saved) if (value !== undefined) Deno.env.set(name, value);
  }
}

Deno.test("openSqsTransport() names ASYA_AWS_REGION where no region is known", async () => {
  const { ASYA_AWS_REGION: _, ...env } = environment("p");
  await without(["AWS_REGION", "AWS_DEFAULT_REGION", "HOME", "AWS_CONFIG_FILE"], async () => {
    Deno.env.set("AWS_CONFIG_FILE", "/dev/null");
    await assert.rejects(
      openSqsTransport(settingsOf(env), QUIET),
      (error) => error instanceof SettingsError && /set ASYA_AWS_REGION/.test(error.message),
    );
    Deno.env.delete("AWS_CONFIG_FILE");
  });
});

Deno.test("openSqsTransport() takes the region from ASYA_SQS_REGION, too", async () => {
  const { ASYA_AWS_REGION, ...env } = environment("p");
  const settings = settingsOf({ ...env, ASYA_SQS_REGION: ASYA_AWS_REGION });
  const transport = await openSqsTransport(settings, QUIET);
  assert.equal(transport.name, "sqs");
  await transport.close();
});

Deno.test("openSqsTransport() lists every value that the service would not take", async () => {
  const settings = settingsOf(environment("p", {
    ASYA_SQS_ENDPOINT: "ftp://secret@host",
    ASYA_SQS_VISIBILITY_TIMEOUT: "43201",
    ASYA_SQS_WAIT_TIME_SECONDS: "21",
  }));
  await assert.rejects(openSqsTransport(settings, QUIET), ({ message }) => {
    assert.match(message, /ASYA_SQS_ENDPOINT/);
    assert.match(message, /ASYA_SQS_VISIBILITY_TIMEOUT: expected 1 to 43200/);
    assert.match(message, /ASYA_SQS_WAIT_TIME_SECONDS: expected at most 20/);
    assert.doesNotMatch(message, /secret/);
    return true;
  });
});
