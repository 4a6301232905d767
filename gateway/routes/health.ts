/** Whether the gateway lives, and whether it can be given requests. */

import type { Routes } from "../http/methods.ts";
import type { Publisher } from "../publisher.ts";
import { type Store, StoreUnavailable } from "../store/store.ts";
import type { ToolSet } from "../tools/tool.ts";

/** Probes ask often and wait for a second or two, so a store that is silent counts as away. */
const STORE_MS = 800;
/** Tools' mistakes in one answer. */
const MAX_PROBLEMS = 20;

/** What the routes look at. */
export interface HealthContext {
  readonly store: Store;
  readonly publisher: Publisher;
  readonly tools: () => ToolSet;
  /** Why newer tools are not in force. */
  readonly toolProblems: () => readonly string[];
}

/** Whether it answers in time. */
async function reaches(store: Store): Promise<boolean> {
  const late = Promise.withResolvers<boolean>();
  const timer = setTimeout(() => late.resolve(false), STORE_MS);
  const asked = store.head("").then(() => true, (error) => {
    if (error instanceof StoreUnavailable) return false;
    throw error;
  });
  try {
    return await Promise.race([asked, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}

/**
 * The routes. Mistakes in the tools' files are told and do not make it unready: the last good tools
 * are served, by every replica.
 */
export function healthRoutes(context: HealthContext): Routes {
  const { store, publisher, tools, toolProblems } = context;
  const plain = (text: string) => new Response(`${text}\n`);
  return {
    "/health": { GET: () => plain("OK"), POST: () => plain("OK") },
    "/health/live": { GET: () => plain("OK") },
    "/health/ready": {
      GET: async (c) => {
        const stored = await reaches(store);
        const { waiting, full } = publisher.backlog;
        const ready = stored && !full;
        return c.json(
          {
            ready,
            store: stored ? "ok" : "away",
            publisher: { waiting, full },
            tools: { count: tools().size, problems: toolProblems().slice(0, MAX_PROBLEMS) },
          },
          ready ? 200 : 503,
          ready ? {} : { "retry-after": "1" },
        );
      },
    },
  };
}
