/** `asya plugin new`: a folder with a handler that works. */

import { authoring, type PluginLanguage } from "@asya/plugins";
import { closest } from "@asya/manifest";
import { CommandError, type Io, UsageError } from "../command.ts";

/** What people call the languages, too. */
const OTHER_WORDS: Readonly<Record<string, PluginLanguage>> = {
  typescript: "ts",
  javascript: "ts",
  js: "ts",
  assemblyscript: "as",
  golang: "go",
};

function language(word: string, known: readonly PluginLanguage[]): PluginLanguage {
  const found = known.find((one) => one === word);
  if (found) return found;
  const languages = known.join(", ");
  if (word === "") throw new UsageError(`give --lang, one of ${languages}`);
  const near = OTHER_WORDS[word.toLowerCase()] ?? closest(word, known);
  const hint = near ? `; did you mean ${near}?` : "";
  throw new UsageError(`--lang ${word} is not one of ${languages}${hint}`);
}

/** Makes the folder `parent/name`. */
export async function newCommand(
  { name, lang, parent }: { name: string; lang: string; parent: string },
  io: Io,
): Promise<number> {
  const { isPluginName, newPlugin, PLUGIN_LANGUAGES } = await authoring();
  const chosen = language(lang, PLUGIN_LANGUAGES);
  if (!isPluginName(name)) {
    const rule = "lower-case letters, digits and dashes, at most 63";
    throw new UsageError(`${JSON.stringify(name)} is no name of a plugin: ${rule}`);
  }
  const dir = parent === "." ? name : `${parent}/${name}`;
  try {
    for (const file of await newPlugin(dir, name, chosen)) io.out(`${dir}/${file}`);
  } catch (error) {
    const options = { cause: error };
    if (error instanceof Deno.errors.AlreadyExists) {
      throw new CommandError(`${dir} is there already`, "choose another name", options);
    }
    if (error instanceof Deno.errors.NotFound) {
      throw new CommandError(`there is no folder ${parent}`, "choose another --dir", options);
    }
    throw error;
  }
  io.note(`next: asya plugin build ${dir}\n      asya plugin test ${dir}`);
  return 0;
}
