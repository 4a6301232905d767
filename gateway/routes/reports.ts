/** What only the mesh may do: report progress and ends, register children. */

import type { MiddlewareHandler } from "hono";
import { MAX_PROGRESS_BYTES, MAX_RESULT_BYTES, readBody } from "../http/body.ts";
import type { Routes } from "../http/methods.ts";
import { GatewayError } from "../http/problem.ts";
import { readObject } from "../json.ts";
import { applyBatch } from "../report_batch.ts";
import type { Applied, Reports } from "../reports.ts";
import { unknownEnvelope } from "./envelopes.ts";

/** The record after a report. @throws GatewayError 404 `envelope_unknown`, 409 `envelope_final` */
function expectApplied(id: string, applied: Applied) {
  if (applied.kind === "unknown") throw unknownEnvelope(id);
  if (applied.kind === "applied") return applied.record;
  const message = `the envelope is ${applied.record.state} already; nothing was altered`;
  throw new GatewayError(409, "envelope_final", message);
}

/** The routes, each behind `auth`. */
export function reportRoutes(reports: Reports, auth: MiddlewareHandler): Routes {
  return {
    "/envelopes/:id/progress": {
      POST: [auth, async (c) => {
        const id = c.req.param("id")!;
        const members = readObject(await readBody(c.req.raw, MAX_PROGRESS_BYTES));
        const record = expectApplied(id, await reports.progress(id, members, "refuse"));
        return c.json({ status: "ok", progress_percent: record.progressPercent });
      }],
    },
    "/envelopes/:id/final": {
      POST: [auth, async (c) => {
        const id = c.req.param("id")!;
        const members = readObject(await readBody(c.req.raw, MAX_RESULT_BYTES));
        expectApplied(id, await reports.final(id, members));
        return c.json({ status: "ok" });
      }],
    },
    "/envelopes": {
      POST: [auth, async (c) => {
        const members = readObject(await readBody(c.req.raw, MAX_PROGRESS_BYTES));
        const { id, kind } = await reports.child(members);
        if (kind !== "unknown") return c.json({ id, status: "created" }, 201);
        throw new GatewayError(404, "parent_unknown", "there is no envelope with that parent_id");
      }],
    },
    "/reports": {
      POST: [
        auth,
        async (c) => c.json(await applyBatch(reports, await readBody(c.req.raw, MAX_RESULT_BYTES))),
      ],
    },
  };
}
