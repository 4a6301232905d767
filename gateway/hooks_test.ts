import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { handedOn, isJson } from "./hooks/payload.ts";
import { isSigned } from "./hooks/signature.ts";
import { type Harness, startHarness, until } from "./testing/harness.ts";

const SECRET = "It's a Secret to Everybody";
const hmac = (body: string | Uint8Array, encoding: "hex" | "base64" = "hex") =>
  createHmac("sha256", SECRET).update(body).digest(encoding);

Deno.test("isSigned() knows the example of GitHub's documentation", () => {
  const body = new TextEncoder().encode("Hello, World!");
  const signature = "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
  assert.equal(isSigned(body, SECRET, `sha256=${signature}`), true);
  assert.equal(isSigned(body, SECRET, signature.toUpperCase()), true);
  assert.equal(isSigned(body, SECRET, hmac(body, "base64")), true);
  const wrong = [
    undefined,
    "",
    "sha256=",
    signature.slice(2),
    `${signature}00`,
    `sha1=${signature}`,
    signature.replace("7", "8"),
    "A".repeat(43) + "=",
    "é".repeat(64),
  ];
  for (const header of wrong) assert.equal(isSigned(body, SECRET, header), false, header);
  assert.equal(isSigned(body, `${SECRET} `, signature), false);
});

Deno.test("isJson() goes by the content type", () => {
  for (
    const type of [
      "application/json",
      "Application/JSON; charset=utf-8",
      "application/cloudevents+json",
    ]
  ) {
    assert.equal(isJson(type), true, type);
  }
  for (const type of ["", "text/json", "application/jsonx", "application/x-www-form-urlencoded"]) {
    assert.equal(isJson(type), false, type);
  }
});

Deno.test("handedOn() has what an event is, and no secret", () => {
  const headers = new Headers({
    "content-type": "text/plain",
    "x-github-event": "push",
    "ce-id": "7",
    "x-hub-signature-256": "x",
    "x-gitlab-token": "x",
    "x-secret-event": "x",
    authorization: "x",
    cookie: "x",
    accept: "*/*",
  });
  assert.deepEqual(handedOn(headers), {
    "ce-id": "7",
    "content-type": "text/plain",
    "x-github-event": "push",
  });
});

async function withHooks(body: (harness: Harness, folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(`${folder}/secret`, `${SECRET}\n`);
    const yaml = `tools:
  - { name: plain, route: [prep] }
  - { name: any, route: [prep], hook: { secretFile: ${folder}/secret } }
  - name: checked
    parameters: { n: { type: integer, required: true }, mode: { type: string, default: fast } }
    route: [prep]
    hook: { secretFile: ${folder}/secret, header: X-Sign }
  - { name: broken, route: [prep], hook: { secretEnv: ASYA_TEST_NO_SUCH_VARIABLE } }
`;
    await using harness = await startHarness({ yaml });
    await body(harness, folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

const JSON_TYPE = "application/json";
const ignored = (response: Response) => response.body?.cancel();

async function post(
  { gateway }: Harness,
  tool: string,
  body: string | Uint8Array<ArrayBuffer>,
  headers: Record<string, string>,
): Promise<Response> {
  return await gateway.app.request(`/hooks/${tool}`, { method: "POST", body, headers });
}

async function payloadOf(harness: Harness, response: Response): Promise<string> {
  assert.equal(response.status, 202, await response.clone().text());
  const { envelope_id: id, status_url } = await response.json();
  assert.equal(response.headers.get("location"), status_url);
  await until("sent", () => harness.sent.some(({ messageId }) => messageId === id));
  const { body } = harness.sent.find(({ messageId }) => messageId === id)!;
  return /"payload":(.*)}$/.exec(new TextDecoder().decode(body).replace(/,"deadline.*/, "}"))![1]!;
}

Deno.test("POST /hooks/{tool} hands a signed JSON body on, digit by digit", () =>
  withHooks(async (harness) => {
    const body = '{"n": 9007199254740993, "f": 1.0}';
    const headers = { "content-type": JSON_TYPE, "x-hub-signature-256": `sha256=${hmac(body)}` };
    assert.equal(await payloadOf(harness, await post(harness, "any", body, headers)), body);
  }));

Deno.test("POST /hooks/{tool} checks arguments where the tool declares some, and fills in defaults", () =>
  withHooks(async (harness) => {
    const send = (body: string) =>
      post(harness, "checked", body, { "content-type": JSON_TYPE, "x-sign": hmac(body) });
    assert.equal(await payloadOf(harness, await send('{"n":1}')), '{"n":1,"mode":"fast"}');
    const refused = await send('{"n":"x"}');
    assert.equal(refused.status, 422);
    assert.match((await refused.json()).detail, /n must be an integer/);
    const list = await send("[1]");
    assert.equal(list.status, 400);
    await ignored(list);
    assert.equal(harness.sent.length, 1);
  }));

Deno.test("POST /hooks/{tool} wraps what is no JSON: text, or base64", () =>
  withHooks(async (harness) => {
    const form = "payload=%7B%7D";
    const type = "application/x-www-form-urlencoded";
    const sign = (body: string | Uint8Array) => ({ "x-hub-signature-256": hmac(body) });
    const text = await post(harness, "any", form, { "content-type": type, ...sign(form) });
    assert.deepEqual(JSON.parse(await payloadOf(harness, text)), {
      text: form,
      content_type: type,
      headers: { "content-type": type },
    });
    const bytes = new Uint8Array([0, 255, 1]);
    const binary = await post(harness, "any", bytes, { "x-gitlab-event": "Push", ...sign(bytes) });
    assert.deepEqual(JSON.parse(await payloadOf(harness, binary)), {
      body_base64: "AP8B",
      content_type: "",
      headers: { "x-gitlab-event": "Push" },
    });
  }));

Deno.test("POST /hooks/{tool} of a wrong or missing signature is 401, without a hook 404", () =>
  withHooks(async (harness) => {
    const body = "{}";
    const type = { "content-type": JSON_TYPE };
    const expected: [string, Record<string, string>, number][] = [
      ["any", type, 401],
      ["any", { ...type, "x-hub-signature-256": `sha256=${"0".repeat(64)}` }, 401],
      ["any", { ...type, "x-hub-signature-256": hmac("{ }") }, 401],
      ["any", { ...type, "x-sign": hmac(body) }, 401],
      ["plain", { ...type, "x-hub-signature-256": hmac(body) }, 404],
      ["nobody", { ...type, "x-hub-signature-256": hmac(body) }, 404],
      ["broken", { ...type, "x-hub-signature-256": hmac(body) }, 503],
    ];
    for (const [tool, headers, status] of expected) {
      const response = await post(harness, tool, body, headers);
      assert.equal(response.status, status, `${tool} ${JSON.stringify(headers)}`);
      await ignored(response);
    }
    assert.deepEqual(harness.sent, []);
    assert.match(harness.logged.join("\n"), /ASYA_TEST_NO_SUCH_VARIABLE/);
    assert.ok(!harness.logged.join("\n").includes(SECRET));
  }));

Deno.test("POST /hooks/{tool} takes a secret that was replaced, without a restart", () =>
  withHooks(async (harness, folder) => {
    const headers = { "content-type": JSON_TYPE, "x-hub-signature-256": hmac("{}") };
    await ignored(await post(harness, "any", "{}", headers));
    await Deno.writeTextFile(`${folder}/secret`, "another");
    const refused = await post(harness, "any", "{}", headers);
    assert.equal(refused.status, 401);
    await ignored(refused);
  }));
