/** The gateway over HTTP, as a sidecar needs it: posts with the mesh token, and short answers. */

import type { Logger } from "@asya/telemetry";

const TIMEOUT_MS = 10_000;
/** A rotated token is picked up within this time, or at once after a 401. */
const TOKEN_MS = 60_000;
const MAX_ANSWER_BYTES = 1024 * 1024;

/** Where the gateway is and how to speak to it. */
export interface GatewayOptions {
  /** Without a slash at the end. */
  readonly url: string;
  /** File that holds the bearer token; of several lines the first counts, as a gateway takes all. */
  readonly tokenFile: string | undefined;
  readonly fetch: typeof fetch;
  readonly log: Logger;
}

/** What the gateway answered. */
export interface GatewayAnswer {
  readonly status: number;
  readonly text: string;
}

/** The gateway cannot be reached, or did not answer in time. */
export class GatewayAway extends Error {
  override readonly name = "GatewayAway";
  readonly code = "gateway_away";
}

/** What became of a final report. */
export type FinalAnswer = "delivered" | "away" | "refused" | "rejected";

/** What a status says about a final report: see section 1 of the contract. */
export function finalAnswer(status: number): FinalAnswer {
  if (status >= 200 && status < 300 || status === 404 || status === 409) return "delivered";
  if (status === 401 || status === 403) return "refused";
  if (status === 408 || status === 429 || status < 400 || status >= 500) return "away";
  return "rejected";
}

/** Posts to one gateway. */
export class Gateway {
  #token: { readonly text: string; readonly readAt: number } | undefined;

  constructor(private readonly options: GatewayOptions) {}

  /**
   * Posts a JSON body.
   * @throws GatewayAway
   */
  async post(
    path: string,
    body: string | Uint8Array,
    signal?: AbortSignal,
  ): Promise<GatewayAnswer> {
    const { url, fetch } = this.options;
    const timeout = AbortSignal.timeout(TIMEOUT_MS);
    const authorization = await this.#authorization();
    let answer: GatewayAnswer;
    try {
      const response = await fetch(url + path, {
        method: "POST",
        headers: { "content-type": "application/json", ...authorization },
        body: body as BodyInit,
        redirect: "manual",
        signal: signal === undefined ? timeout : AbortSignal.any([timeout, signal]),
      });
      answer = { status: response.status, text: await readText(response) };
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : String(cause);
      throw new GatewayAway(`the gateway at ${url} cannot be reached: ${why}`, { cause });
    }
    if (answer.status === 401) this.#token = undefined;
    return answer;
  }

  async #authorization(): Promise<{ readonly authorization?: string }> {
    const { tokenFile, log } = this.options;
    if (tokenFile === undefined) return {};
    const now = performance.now();
    if (this.#token === undefined || now - this.#token.readAt > TOKEN_MS) {
      try {
        const [text = ""] = (await Deno.readTextFile(tokenFile)).trim().split(/\s+/, 1);
        this.#token = { text, readAt: now };
      } catch (error) {
        log.warn("cannot read the file that ASYA_MESH_TOKEN_FILE names", { error });
        return {};
      }
    }
    return { authorization: `Bearer ${this.#token.text}` };
  }
}

/** At most so many bytes; what comes after them is not waited for. */
async function readText(response: Response): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  let bytes = 0;
  for await (const chunk of response.body ?? []) {
    bytes += chunk.length;
    if (bytes > MAX_ANSWER_BYTES) break; // leaving the loop cancels the stream
    text += decoder.decode(chunk, { stream: true });
  }
  return text;
}
