import assert from "node:assert/strict";
import { challengeText } from "./challenge.ts";

Deno.test("challengeText() writes what there is, and nothing that ends the quotes", () => {
  assert.equal(challengeText({}), "Bearer");
  assert.equal(
    challengeText({
      metadataUrl: "https://x/.well-known/y",
      error: "insufficient_scope",
      scope: 'tools:a"b',
      description: "no\r\nway",
    }),
    `Bearer error="insufficient_scope", error_description="no''way", scope="tools:a'b", ` +
      `resource_metadata="https://x/.well-known/y"`,
  );
});
