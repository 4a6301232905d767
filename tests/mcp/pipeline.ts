/** A real pipeline behind a real gateway: two Python actors, a tool, the sqlite transport. */

import { pythonActor } from "../project.ts";
import { running } from "../running.ts";

const HANDLERS = `
def count(payload):
    return {"text": payload["text"], "words": len(payload["text"].split())}

def shout(payload):
    if not payload["words"]:
        raise ValueError("nothing to shout")
    return {**payload, "text": payload["text"].upper()}
`;

const TOOLS = `
tools:
  - name: shout
    description: Says it louder
    parameters: { text: { type: string, required: true } }
    route: [count, shout]
    timeout: 60
`;

/** What the tool makes of "so it is". */
export const SHOUTED = { text: "SO IT IS", words: 3 };

/** Runs it, and tells where `/mcp` is. */
export async function withPipeline(use: (url: string) => Promise<void>): Promise<void> {
  await running({
    "actors.yaml": pythonActor("count", "handlers.count") + pythonActor("shout", "handlers.shout"),
    "handlers.py": HANDLERS,
    "tools.yaml": TOOLS,
  }, ({ local }) => use(`${local.url}/mcp`));
}
