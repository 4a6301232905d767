/** The Python runtime conforms. */

import { conformsTo, findCommand, here } from "./testing.ts";

const python = findCommand(Deno.env.get("ASYA_TEST_PYTHON") ?? "python3", "--version");

Deno.test({
  name: `asya_runtime.py conforms to PROTOCOL.md${python ? "" : " (no python3 here)"}`,
  ignore: python === undefined,
  fn: async () => {
    const path = `PYTHONPATH=${here("handlers")}`;
    const command = ["env", path, python!, here("../python/asya_runtime.py")];
    await conformsTo({ command, handler: "handlers.{}" });
  },
});
