/** Every route of the gateway's HTTP API with what goes in and what comes out. */

import type { z } from "zod";
import { listParameters } from "../routes/list.ts";
import * as schemas from "./schemas.ts";

/** What a response may carry: JSON of a schema, another content type, or nothing. */
export type Content = z.ZodType | string | null;

/** One method of one path. */
export interface Operation {
  /** What it does, in a few words. */
  readonly summary: string;
  /** Only sidecars and crew may. */
  readonly mesh?: true;
  /** Parameters of the query by name. */
  readonly query?: z.ZodObject;
  /** Headers that it knows, with what they do. */
  readonly headers?: Readonly<Record<string, string>>;
  /** The body: JSON of a schema, or any bytes. */
  readonly body?: z.ZodType | "bytes";
  /** What comes back by status; errors are problem details everywhere. */
  readonly responses: Readonly<Record<number, Content>>;
}

/** Methods by path, as the app has them. */
export type Operations = Readonly<Record<string, Readonly<Record<string, Operation>>>>;

const WAIT = { prefer: "wait=N: answer with the end where it comes within N seconds (RFC 7240)" };
const KEY = { "idempotency-key": "calls with the same key within 24 hours are one call" };
const OK = "text/plain;charset=UTF-8";

/** The API. `/mcp` describes itself. */
export const OPERATIONS: Operations = {
  "/health": {
    GET: { summary: "Whether it answers", responses: { 200: OK } },
    POST: { summary: "Whether it answers", responses: { 200: OK } },
  },
  "/health/live": { GET: { summary: "Whether the process lives", responses: { 200: OK } } },
  "/health/ready": {
    GET: {
      summary: "Whether it can be given requests",
      responses: { 200: schemas.readyAnswer, 503: schemas.readyAnswer },
    },
  },
  "/openapi.json": { GET: { summary: "This document", responses: { 200: "application/json" } } },
  "/tools": { GET: { summary: "What can be called", responses: { 200: schemas.toolList } } },
  "/tools/call": {
    POST: {
      summary: "Calls a tool",
      headers: { ...WAIT, ...KEY },
      body: schemas.call,
      responses: { 200: schemas.callAnswer },
    },
  },
  "/hooks/:tool": {
    POST: {
      summary: "Calls a tool by a signed request of another system",
      headers: KEY,
      body: "bytes",
      responses: { 202: schemas.hookAnswer },
    },
  },
  "/envelopes": {
    GET: {
      summary: "Lists envelopes, the newest first",
      query: listParameters,
      responses: { 200: schemas.envelopeList },
    },
    POST: {
      summary: "Registers a fan-out child that its sidecar publishes itself",
      mesh: true,
      body: schemas.child,
      responses: { 201: schemas.childAnswer },
    },
  },
  "/envelopes/": { GET: { summary: "Says that the id is missing", responses: {} } },
  "/envelopes/:id": {
    GET: { summary: "How an envelope stands", responses: { 200: schemas.envelope } },
    DELETE: {
      summary: "Cancels an envelope with all that was split off it",
      responses: { 200: schemas.cancelAnswer },
    },
  },
  "/envelopes/:id/active": {
    GET: {
      summary: "Whether an envelope is open",
      responses: { 200: schemas.activeAnswer, 410: schemas.activeAnswer },
    },
  },
  "/envelopes/:id/stream": {
    GET: {
      summary: "An envelope's history and what happens, as server-sent events",
      headers: { "last-event-id": "the number of the last event that is known already" },
      responses: { 200: "text/event-stream", 204: null },
    },
  },
  "/envelopes/:id/retry": {
    POST: {
      summary: "Tries a failed or cancelled envelope again, as a new one",
      headers: WAIT,
      responses: { 200: schemas.envelope, 202: schemas.retryAnswer },
    },
  },
  "/envelopes/:id/progress": {
    POST: {
      summary: "Reports what an actor is doing",
      mesh: true,
      body: schemas.progress,
      responses: { 200: schemas.progressAnswer },
    },
  },
  "/envelopes/:id/final": {
    POST: {
      summary: "Reports the end",
      mesh: true,
      body: schemas.final,
      responses: { 200: schemas.finalAnswer },
    },
  },
  "/reports": {
    POST: {
      summary: "Many reports at once",
      mesh: true,
      body: schemas.reportBatch,
      responses: { 200: schemas.reportAnswer },
    },
  },
};
