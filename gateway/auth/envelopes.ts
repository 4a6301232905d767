/**
 * Whoever may call a tool may also see, cancel and repeat its envelopes: an envelope's id cannot be
 * guessed, and a link to it is handed on. Children belong to the tool of the envelope that they
 * were split off, and what no tool made to those who may use all.
 */

import type { MiddlewareHandler } from "hono";
import type { EnvelopeRecord } from "../envelopes/record.ts";
import type { Store } from "../store/store.ts";
import { withMethods } from "../store/with_methods.ts";
import { accessOf } from "./access.ts";
import { callerOf, insufficient, requireTool } from "./caller.ts";
import { type Scope, scopeWord } from "./scope.ts";

/** Deepest fan-out, and the call itself. */
const MAX_DEPTH = 9;

/** The tool whose call an envelope came from; `undefined` where there was none. */
async function toolOf(
  store: Pick<Store, "head">,
  record: EnvelopeRecord,
): Promise<string | undefined> {
  let at: EnvelopeRecord | undefined = record;
  for (let depth = 0; depth < MAX_DEPTH && at !== undefined; depth++) {
    if (at.tool !== undefined) return at.tool;
    at = at.parentId === undefined ? undefined : await store.head(at.parentId);
  }
  return undefined;
}

/** For `/envelopes/:id/*`: refuses callers whose scope has not the envelope's tool. */
export function guardEnvelopes(store: Pick<Store, "head">): MiddlewareHandler {
  return async (c, next) => {
    const caller = callerOf(c.req.raw);
    const id = c.req.param("id");
    if (accessOf(c.req.method, c.req.path) === "caller" && caller.tools !== "*" && id) {
      const record = await store.head(id);
      const tool = record && await toolOf(store, record);
      if (tool === undefined) {
        throw insufficient(caller, "you may not see this envelope", scopeWord("*"));
      }
      requireTool(caller, tool);
    }
    await next();
  };
}

/** The store as a caller sees it: without the envelopes of tools that are not in his scope. */
export function scopedStore(store: Store, tools: Scope): Store {
  if (tools === "*") return store;
  const sees = async (record: EnvelopeRecord | undefined): Promise<boolean> => {
    const tool = record && await toolOf(store, record);
    return tool !== undefined && tools.has(tool);
  };
  const hidden = async (id: string): Promise<boolean> => !await sees(await store.head(id));
  return withMethods(store, {
    async head(id) {
      const record = await store.head(id);
      return await sees(record) ? record : undefined;
    },
    async get(id) {
      const found = await store.get(id);
      return await sees(found?.record) ? found : undefined;
    },
    change: async (id, decide) => await hidden(id) ? undefined : await store.change(id, decide),
    updates: async (id, after, limit) =>
      await hidden(id) ? [] : await store.updates(id, after, limit),
    async list(query) {
      if (tools.size === 0) return [];
      if (query.parentId === undefined) return await store.list({ ...query, tools: [...tools] });
      return await hidden(query.parentId) ? [] : await store.list(query); // children have no tool
    },
  });
}
