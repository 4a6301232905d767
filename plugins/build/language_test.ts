import assert from "node:assert/strict";
import { languageOf } from "./language.ts";

const SOURCES: Record<string, [language: string, source: string]> = {
  "plain.ts": ["typescript", `export default (payload) => payload;`],
  "types.ts": ["typescript", `import type { Context } from "asya/typescript";\nexport default 1;`],
  "comment.ts": ["typescript", `// import { input } from "asya";\nexport default () => "asya";`],
  "text.ts": ["typescript", `export default () => ({ from: "asya" });`],
  "script.js": ["typescript", `export default () => 1;`],
  "library.ts": ["assemblyscript", `import { input, output } from "asya";`],
  "lines.ts": ["assemblyscript", `// A handler.\nimport {\n  input,\n  output,\n} from 'asya';`],
  "assembly/plain.ts": ["assemblyscript", `export function handle(): i32 { return 0; }`],
  "assembly/lib/plain.ts": ["typescript", `export default () => 1;`],
};

Deno.test("languageOf() tells AssemblyScript by its folder or its library", async () => {
  const folder = await Deno.makeTempDir({ prefix: "asya-language-" });
  try {
    await Deno.mkdir(`${folder}/assembly/lib`, { recursive: true });
    for (const [name, [language, source]] of Object.entries(SOURCES)) {
      await Deno.writeTextFile(`${folder}/${name}`, source);
      assert.equal(await languageOf(`${folder}/${name}`), language, name);
      assert.equal(await languageOf(new URL(`file://${folder}/${name}`)), language, name);
    }
    await assert.rejects(languageOf(`${folder}/none.ts`), Deno.errors.NotFound);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
