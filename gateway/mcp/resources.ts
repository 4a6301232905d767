/** Envelopes as resources: `asya://envelopes/{id}` is what `GET /envelopes/{id}` answers. */

import {
  type ReadResourceResult,
  ResourceNotFoundError,
  type ResourceTemplateType,
} from "@modelcontextprotocol/server";
import { viewEnvelope } from "../envelopes/view.ts";
import type { Store } from "../store/store.ts";

const PREFIX = "asya://envelopes/";
const MIME_TYPE = "application/json";

/** The only template. Single resources are not listed: clients know the ids of their calls. */
export const ENVELOPE_TEMPLATE: ResourceTemplateType = {
  uriTemplate: `${PREFIX}{id}`,
  name: "envelope",
  title: "Status and result of a call",
  description: "Where a call stands and, once it has ended, its result, as JSON; `id` is the " +
    "`envelope_id` that the call was answered with, or the id of its task",
  mimeType: MIME_TYPE,
};

function idOf(uri: string): string | undefined {
  if (!uri.startsWith(PREFIX)) return undefined;
  try {
    return decodeURIComponent(uri.slice(PREFIX.length));
  } catch { // a lone % is no id of anything
    return undefined;
  }
}

/**
 * Reads an envelope.
 *
 * @throws ResourceNotFoundError; StoreUnavailable
 */
export async function readEnvelope(store: Store, uri: string): Promise<ReadResourceResult> {
  const id = idOf(uri);
  const found = id === undefined ? undefined : await store.get(id);
  if (found === undefined) throw new ResourceNotFoundError(uri);
  return { contents: [{ uri, mimeType: MIME_TYPE, text: viewEnvelope(found) }] };
}
