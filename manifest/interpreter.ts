/** In which language a handler is written, as the form of its name tells, and what runs it. */

import { basename } from "node:path";

/** What runs a handler in a process of its own. */
export type Interpreter = "python" | "node" | "deno";

/**
 * `module.function` is Python. A path, as in `./shout.ts:process`, is JavaScript or TypeScript: Node
 * runs it where `pythonExecutable` is a `node`, else Deno.
 */
export function interpreterOf(handler: string, executable: string): Interpreter {
  if (!/[/:#]/.test(handler)) return "python";
  return basename(executable) === "node" ? "node" : "deno";
}

/** The file of a handler whose name is a path: `./shout.ts` of `./shout.ts:process`. */
export function handlerFile(handler: string): string {
  return /^(.*?\.[cm]?[jt]sx?)(?:[:#].*)?$/.exec(handler)?.[1] ?? handler.replace(/[:#].*$/, "");
}
