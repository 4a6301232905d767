import assert from "node:assert/strict";
import { MAX_CREDENTIAL, readCredentials } from "./credentials.ts";

Deno.test("readCredentials() reads one key or token from where it belongs", () => {
  const table: [Record<string, string>, string, string?][] = [
    [{}, "none"],
    [{ authorization: "Bearer asya_1_2" }, "key", "asya_1_2"],
    [{ authorization: "bearer  abc.def.ghi" }, "token", "abc.def.ghi"],
    [{ "x-api-key": "anything" }, "key", "anything"],
    [{ authorization: "Basic YTpi" }, "malformed"],
    [{ authorization: "Bearer" }, "malformed"],
    [{ authorization: "Bearer a b" }, "malformed"],
    [{ authorization: "Bearer a, Bearer b" }, "malformed"],
    [{ authorization: "" }, "malformed"],
    [{ authorization: "Bearer a", "x-api-key": "b" }, "malformed"],
    [{ authorization: `Bearer ${"a".repeat(MAX_CREDENTIAL + 1)}` }, "malformed"],
  ];
  for (const [headers, kind, text] of table) {
    const found = readCredentials(new Headers(headers));
    assert.equal(found.kind, kind, JSON.stringify(headers).slice(0, 80));
    if (text !== undefined) assert.equal("text" in found && found.text, text);
  }
});
