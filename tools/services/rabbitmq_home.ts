/**
 * A RabbitMQ home that holds only what a broker without plugins loads, as links to the installed
 * one. Erlang looks for each module in every folder of the home: with all of the some seventy
 * plugins in it a start takes twice as long and twice the CPU.
 */

import type { InstalledRabbitmq } from "./find_rabbitmq.ts";

/** Lays it under `dir` and returns its path; the installed home itself where it reads differently. */
export async function leanHome(
  { home: installed, root = "" }: InstalledRabbitmq,
  dir: string,
): Promise<string> {
  const folders = new Map<string, string>();
  for await (const { name } of Deno.readDir(`${root}${installed}/plugins`)) {
    const app = /^([a-z][a-z0-9_]*)-[^/]*$/.exec(name)?.[1];
    if (app !== undefined && !name.endsWith(".ez")) folders.set(app, name);
  }
  if (!folders.has("rabbit")) return installed;
  const home = `${dir}/home`;
  await Deno.mkdir(`${home}/plugins`, { recursive: true });
  for (const name of ["sbin", "escript"]) {
    await Deno.symlink(`${installed}/${name}`, `${home}/${name}`);
  }
  const wanted = new Set(["rabbit"]);
  for (const app of wanted) { // grows while it is walked
    const folder = folders.get(app);
    if (folder === undefined) continue; // one of Erlang's own
    const path = `${installed}/plugins/${folder}`;
    await Deno.symlink(path, `${home}/plugins/${folder}`);
    const file = await Deno.readTextFile(`${root}${path}/ebin/${app}.app`);
    for (const needed of applicationsOf(file)) wanted.add(needed);
  }
  return home;
}

/** The applications that the text of an `.app` file asks for. */
export function applicationsOf(file: string): string[] {
  const lists = file.matchAll(/\{\s*(?:optional_)?applications,\s*\[([^\]]*)\]/g);
  return [...lists].flatMap(([, list]) => list!.match(/[a-z][a-z0-9_]*/g) ?? []);
}
