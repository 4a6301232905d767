/** Makes the folder of a new plugin, out of `templates/`. */

import { fileURLToPath } from "node:url";
import type { PluginLanguage } from "./definition.ts";

const TEMPLATES = fileURLToPath(new URL("../templates", import.meta.url));

/** Types for handlers; a folder has its own copy, so that it stands alone wherever it is. */
const TYPES = fileURLToPath(new URL("../sdk/typescript/asya.ts", import.meta.url));

/** What a template writes where its name and its language go. */
const NAME = "plugin-name";
const LANGUAGE = "plugin-lang";

/** Paths of the files below a folder, without its prefix. */
async function filesOf(folder: string, prefix = ""): Promise<string[]> {
  const files: string[] = [];
  for await (const { name, isDirectory } of Deno.readDir(`${folder}/${prefix}`)) {
    if (isDirectory) files.push(...await filesOf(folder, `${prefix}${name}/`));
    else files.push(prefix + name);
  }
  return files.sort();
}

/**
 * Makes a folder with a small handler, its `plugin.yaml` and its cases.
 *
 * @param dir must not exist, but the folder that it is in
 * @param name as `isPluginName` wants it
 * @returns the paths of its files, relative to it
 * @throws Deno.errors.AlreadyExists, Deno.errors.NotFound
 */
export async function newPlugin(
  dir: string,
  name: string,
  lang: PluginLanguage,
): Promise<string[]> {
  await Deno.mkdir(dir);
  const written: string[] = [];
  for (const template of [`${TEMPLATES}/common`, `${TEMPLATES}/${lang}`]) {
    for (const file of await filesOf(template)) {
      const text = await Deno.readTextFile(`${template}/${file}`);
      const folder = `${dir}/${file}`.replace(/\/[^/]*$/, "");
      await Deno.mkdir(folder, { recursive: true });
      const filled = text.replaceAll(NAME, name).replaceAll(LANGUAGE, lang);
      await Deno.writeTextFile(`${dir}/${file}`, filled);
      written.push(file);
    }
  }
  if (lang === "ts") {
    await Deno.copyFile(TYPES, `${dir}/asya.ts`);
    written.push("asya.ts");
  }
  return written.sort();
}
