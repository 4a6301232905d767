/** `asya deploy` and `asya undeploy`: a folder of actors on a Kubernetes cluster, and off it. */

import { parseDuration } from "@asya/envelope";
import {
  deployFolder,
  FolderError,
  type FolderWish,
  type Hands,
  openTerminal,
  runTool,
  undeployFolder,
} from "@asya/deploy";
import { type Command, CommandError, type Input, type Io, text, UsageError } from "../command.ts";

function waitMs(value: string): number {
  try {
    return parseDuration(value);
  } catch (cause) {
    if (!(cause instanceof RangeError)) throw cause;
    throw new UsageError(`--wait ${value}: write 90s, 5m or 1h`, { cause });
  }
}

function wishOf({ positionals: [dir, ...more], values }: Input): FolderWish {
  if (dir === undefined || more.length > 0) throw new UsageError("give one folder");
  const { namespace, context, system } = values as Readonly<Record<string, string | undefined>>;
  return { dir, namespace: namespace ?? "default", context, system };
}

function worldOf(io: Io): Hands {
  const live = Deno.stdout.isTerminal();
  const write = (part: string) => io.out(part.replace(/\n$/, ""));
  const terminal = openTerminal(write, { live, colours: live && !Deno.noColor });
  return { run: runTool, terminal, interrupted: io.interrupted };
}

/** What to try is part of the error, for whoever prints it. */
async function told(work: Promise<number>): Promise<number> {
  try {
    return await work;
  } catch (cause) {
    if (!(cause instanceof FolderError)) throw cause;
    throw new CommandError(cause.message, cause.next, { cause });
  }
}

const PLACE = {
  namespace: { type: "string", value: "NAME", help: "of the actors (default: default)" },
  context: { type: "string", value: "NAME", help: "of the kubeconfig (default: the current one)" },
  system: {
    type: "string",
    value: "NAME",
    help: "namespace of the system (default: the only one)",
  },
} as const;

/** The command. */
export const deploy: Command = {
  name: "deploy",
  summary: "put a folder of actors and tools on a Kubernetes cluster, as dev runs it",
  usage: "deploy DIR [--namespace NAME] [--wait TIME] [--dry-run]",
  examples: [
    ["deploy examples/hello", "apply the folder, and wait until its actors are ready"],
    ["deploy . --namespace prod --wait 10m", "into namespace prod, with more patience"],
    ["deploy . --dry-run", "build and pack, and let the cluster check; nothing is changed"],
  ],
  options: {
    ...PLACE,
    wait: { type: "string", value: "TIME", help: "for the actors to be ready (default: 5m)" },
    "dry-run": { type: "boolean", help: "change nothing" },
  },
  run(input, io) {
    const wish = wishOf(input);
    const wait = waitMs(text(input, "wait", "5m"));
    const dryRun = input.values["dry-run"] === true;
    return told(deployFolder({ ...wish, waitMs: wait, dryRun }, worldOf(io)));
  },
};

/** The command that takes it back. */
export const undeploy: Command = {
  name: "undeploy",
  summary: "delete the actors, ConfigMaps, Secrets and tools that deploy has made of a folder",
  usage: "undeploy DIR [--namespace NAME]",
  examples: [["undeploy examples/hello", "delete what `asya deploy examples/hello` has made"]],
  options: PLACE,
  run(input, io) {
    return told(undeployFolder(wishOf(input), worldOf(io)));
  },
};
