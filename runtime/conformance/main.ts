/** `deno task conformance runtime [OPTIONS] -- COMMAND...`; README.md says what for. */

import { parseArgs } from "node:util";
import { CAPABILITIES, type Capability } from "./case.ts";
import { conforms, textOf } from "./report.ts";
import { runKit } from "./run.ts";

const USAGE = `deno task conformance runtime [OPTIONS] -- COMMAND...

  --handler TEMPLATE    ASYA_HANDLER, {} being the name of a conformance handler; default {}
  --without CAPABILITY  what the runtime does not have; again for more
  --only CAPABILITY     play the cases of that one alone; again for more
  --name NAME           what the report calls it; default the command
  --version VERSION     of the runtime or its language
  --json FILE           write the report there too

Capabilities: ${CAPABILITIES.join(", ")}.
`;

/** A wrong command line. */
class UsageError extends Error {
  readonly code = "CONFORMANCE_USAGE";
}

function capabilities(option: string, names: readonly string[] = []): Capability[] {
  return names.map((name) => {
    const known = CAPABILITIES.find((one) => one === name);
    if (!known) {
      throw new UsageError(`--${option} ${name}: expected one of ${CAPABILITIES.join(", ")}`);
    }
    return known;
  });
}

/** The command line as options. @throws UsageError */
function read(args: readonly string[]) {
  const split = args.indexOf("--");
  const command = split < 0 ? [] : args.slice(split + 1);
  const own = split < 0 ? args : args.slice(0, split);
  const { values, positionals } = parseOwn(own);
  const what = positionals.join(" ");
  if (what !== "runtime") throw new UsageError(`expected "runtime", not ${JSON.stringify(what)}`);
  if (command.length === 0) throw new UsageError("expected a command after --");
  const { handler = "{}", name = command.join(" "), version = "", json } = values;
  const without = capabilities("without", values.without);
  const only = values.only && capabilities("only", values.only);
  const options = { target: { command, handler }, name, version, without };
  return { json, options: only ? { ...options, only } : options };
}

function parseOwn(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        handler: { type: "string" },
        without: { type: "string", multiple: true },
        only: { type: "string", multiple: true },
        name: { type: "string" },
        version: { type: "string" },
        json: { type: "string" },
      },
    });
  } catch (cause) {
    throw new UsageError((cause as Error).message, { cause });
  }
}

/** Runs the command line; the exit code: 0 conforms, 1 does not, 2 wrong command line. */
async function main(args: readonly string[]): Promise<number> {
  let asked;
  try {
    asked = read(args);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    console.error(`${error.message}\n\n${USAGE}`);
    return 2;
  }
  const live = Deno.stderr.isTerminal();
  let count = 0;
  const onResult = () => {
    if (live) Deno.stderr.writeSync(new TextEncoder().encode(`\r${++count} cases `));
  };
  const report = await runKit({ ...asked.options, onResult });
  if (live) console.error("");
  console.log(textOf(report));
  if (asked.json) {
    const failures = report.failures.map(({ ms: _, ...rest }) => rest);
    const text = `${JSON.stringify({ ...report, failures }, null, 2)}\n`;
    await Deno.writeTextFile(asked.json, text);
  }
  return conforms(report) ? 0 : 1;
}

if (import.meta.main) Deno.exit(await main(Deno.args));
