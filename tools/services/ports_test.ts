import assert from "node:assert/strict";
import { freePorts } from "./ports.ts";

Deno.test("freePorts() gives different ports that are free and that no outgoing connection gets", () => {
  const ports = freePorts(50);
  assert.equal(new Set(ports).size, 50);
  for (const port of ports) {
    assert.ok(port >= 20_000 && port < 30_000, `${port}`);
    Deno.listen({ hostname: "127.0.0.1", port }).close();
  }
});
