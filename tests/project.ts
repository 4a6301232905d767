/** Folders of actors for whole-system tests, and what ends up in their results. */

import { encodeEnvelope, type Envelope, parseEnvelope } from "@asya/envelope";
import type { Transport } from "@asya/transport";

/** A temporary folder with these files, removed at the end of the block. */
export async function project(files: Readonly<Record<string, string>>) {
  const dir = await Deno.realPath(await Deno.makeTempDir({ prefix: "asya-system-" }));
  for (const [name, text] of Object.entries(files)) {
    const path = `${dir}/${name}`;
    await Deno.mkdir(path.slice(0, path.lastIndexOf("/")), { recursive: true });
    await Deno.writeTextFile(path, text);
  }
  return { dir, [Symbol.asyncDispose]: () => Deno.remove(dir, { recursive: true }) };
}

/** An actor with a Python handler; `spec` holds more lines of its spec. */
export function pythonActor(name: string, handler: string, spec = "", mode = "payload"): string {
  return `---
apiVersion: asya.sh/v1alpha1
kind: AsyncActor
metadata: { name: ${name} }
spec:
  transport: rabbitmq
${spec.replaceAll(/^(?=.)/gm, "  ")}
  workload:
    kind: Deployment
    template:
      spec:
        containers:
          - name: asya-runtime
            image: python:3.13-slim
            env:
              - { name: ASYA_HANDLER, value: ${handler} }
              - { name: ASYA_HANDLER_MODE, value: ${mode} }
`;
}

/** An envelope with a route and a payload. */
export function envelope(id: string, actors: readonly string[], payload: string): Envelope {
  return {
    id,
    route: { actors, current: 0, extra: new Map() },
    payload: new TextEncoder().encode(payload),
    extra: new Map(),
  };
}

/** Puts envelopes on the queue of their first actor; all are durable when it resolves. */
export async function put(transport: Transport, envelopes: readonly Envelope[]): Promise<void> {
  const out = envelopes.map((one) => ({
    actor: one.route.actors[0]!,
    body: encodeEnvelope(one),
    messageId: one.id,
  }));
  const queue = transport.queue(out[0]!.actor);
  const failed = (await queue.send(out)).find((result) => !result.ok);
  await queue.close();
  if (failed && !failed.ok) throw failed.error;
}

/** The ids that an end actor has kept. */
export async function idsAt(dir: string, actor: "happy-end" | "error-end"): Promise<Set<string>> {
  const ids = new Set<string>();
  try {
    for await (const { name } of Deno.readDir(`${dir}/.asya/results/${actor}`)) {
      if (name.endsWith(".json")) ids.add(decodeURIComponent(name.slice(0, -".json".length)));
    }
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  return ids;
}

/** One envelope as its end actor kept it. */
export async function resultAt(dir: string, actor: string, id: string): Promise<Envelope> {
  const file = `${dir}/.asya/results/${actor}/${encodeURIComponent(id)}.json`;
  return parseEnvelope(await Deno.readFile(file));
}

/** Waits until `look` answers true; fails after `limitMs` with what was waited for. */
export async function until(
  what: string,
  look: () => Promise<boolean> | boolean,
  limitMs = 60_000,
): Promise<void> {
  const deadline = performance.now() + limitMs;
  while (!await look()) {
    if (performance.now() > deadline) throw new Error(`not within ${limitMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
