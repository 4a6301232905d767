/** A copy of the example `hello`, removed in the end. */

import { join } from "node:path";
import { fileURLToPath } from "node:url";

const EXAMPLE = fileURLToPath(new URL("../../examples/hello/", import.meta.url));

/** A temporary folder with the example's files. */
export async function makeHello(): Promise<{ readonly dir: string } & AsyncDisposable> {
  const dir = await Deno.realPath(await Deno.makeTempDir({ prefix: "asya-test-" }));
  for (const name of ["actor.yaml", "tools.yaml"]) {
    await Deno.copyFile(join(EXAMPLE, name), join(dir, name));
  }
  return { dir, [Symbol.asyncDispose]: () => Deno.remove(dir, { recursive: true }) };
}
