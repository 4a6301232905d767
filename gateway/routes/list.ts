/** `GET /envelopes`: which there are, the newest first, a page at a time. */

import { z } from "zod";
import { callerOf } from "../auth/caller.ts";
import { scopedStore } from "../auth/envelopes.ts";
import { FINAL_STATES, OPEN_STATES } from "../envelopes/record.ts";
import { viewRecord } from "../envelopes/view.ts";
import type { Routes } from "../http/methods.ts";
import { GatewayError } from "../http/problem.ts";
import type { ListQuery, Store } from "../store/store.ts";

const DEFAULT_LIMIT = 50;
/** Longest page. */
const MAX_LIMIT = 500;

const STATES = [...OPEN_STATES, ...FINAL_STATES] as const;
const name = z.string().min(1).max(256);
const time = z.iso.datetime({ offset: true }).transform((text) => Date.parse(text));

/** A place in the list as clients carry it from page to page, without knowing what is in it. */
type Position = NonNullable<ListQuery["behind"]>;

function writeCursor({ createdAt, id }: Position): string {
  const bytes = new TextEncoder().encode(JSON.stringify([createdAt, id]));
  return bytes.toBase64({ alphabet: "base64url", omitPadding: true });
}

const position = z.tuple([z.number(), z.string().max(256)]);

function readCursor(text: string): Position | undefined {
  try {
    const bytes = Uint8Array.fromBase64(text, { alphabet: "base64url" });
    const [createdAt, id] = position.parse(JSON.parse(new TextDecoder().decode(bytes)));
    return { createdAt, id };
  } catch { // whatever is wrong with it: it is none of ours
    return undefined;
  }
}

/** The parameters, each as it is written. */
export const listParameters = z.strictObject({
  state: z.array(z.enum(STATES)).min(1).max(STATES.length).optional()
    .describe("in one of these states"),
  actor: name.optional().describe("at this actor, or ended there"),
  tool: name.optional().describe("made by a call of this tool"),
  parent: name.optional().describe("split off this envelope"),
  created_after: time.optional().describe("made at this time or later"),
  created_before: time.optional().describe("made before this time"),
  cursor: z.string().max(1_000).optional().describe("next_cursor of the page before"),
  limit: z.coerce.number().int().min(1).max(MAX_LIMIT).default(DEFAULT_LIMIT)
    .describe("longest page"),
});

/** @throws GatewayError 400 `query_invalid` */
function readQuery(query: URLSearchParams): ListQuery {
  const plain: Record<string, unknown> = {};
  for (const key of query.keys()) {
    const values = query.getAll(key);
    if (key === "state") plain[key] = values.flatMap((value) => value.split(","));
    else plain[key] = values.length === 1 ? values[0] : values;
  }
  const parsed = listParameters.safeParse(plain);
  if (!parsed.success) {
    const problems = parsed.error.issues.map((i) => `${i.path.join(".") || "query"}: ${i.message}`);
    throw new GatewayError(400, "query_invalid", problems.slice(0, 10).join("; "));
  }
  const { state, actor, tool, parent, created_after, created_before, cursor, limit } = parsed.data;
  const behind = cursor === undefined ? undefined : readCursor(cursor);
  if (cursor !== undefined && behind === undefined) {
    throw new GatewayError(400, "query_invalid", "cursor: take it from next_cursor, unchanged");
  }
  const found: { [K in keyof ListQuery]: ListQuery[K] | undefined } = {
    states: state,
    actor,
    tool,
    parentId: parent,
    createdFrom: created_after,
    createdBefore: created_before,
    behind,
    limit,
  };
  const given = Object.entries(found).filter(([, value]) => value !== undefined);
  return Object.fromEntries(given) as unknown as ListQuery;
}

/** The route. */
export function listRoutes(store: Store): Routes {
  return {
    "/envelopes": {
      GET: async (c) => {
        const query = readQuery(new URL(c.req.url).searchParams);
        const seen = scopedStore(store, callerOf(c.req.raw).tools);
        const found = await seen.list({ ...query, limit: query.limit + 1 });
        const page = found.slice(0, query.limit);
        const next = found.length > page.length
          ? `,"next_cursor":${JSON.stringify(writeCursor(page.at(-1)!))}`
          : "";
        const list = page.map((record) => viewRecord(record));
        const body = `{"envelopes":[${list.join(",")}]${next}}`;
        return c.body(body, 200, { "content-type": "application/json" });
      },
    },
  };
}
