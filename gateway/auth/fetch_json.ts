/** JSON of an identity provider, with a bound on its size and on the time that it takes. */

const MAX_BYTES = 256 * 2 ** 10;
const TIMEOUT_MS = 5_000;

/** The provider is away, or answers what cannot be used. */
export class ProviderUnavailable extends Error {
  /** The class's name. */
  override readonly name = "ProviderUnavailable";
  /** Stable, for programs. */
  readonly code = "identity_provider_unavailable";
}

async function read(url: string, signal: AbortSignal): Promise<unknown> {
  // A redirect could lead anywhere; an issuer that moved is configured anew.
  const response = await fetch(url, {
    signal,
    redirect: "error",
    headers: { accept: "application/json" },
  });
  if (!response.ok) {
    await response.body?.cancel();
    throw new Error(`it answered ${response.status}`);
  }
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response.body ?? []) {
    size += chunk.length;
    if (size > MAX_BYTES) throw new Error(`it sent more than ${MAX_BYTES} bytes`);
    chunks.push(chunk);
  }
  return await new Response(new Blob(chunks as Uint8Array<ArrayBuffer>[])).json();
}

/** Reads a document. @throws ProviderUnavailable */
export async function fetchJson(url: string, timeoutMs: number = TIMEOUT_MS): Promise<unknown> {
  const controller = new AbortController();
  const late = () => controller.abort(new Error(`no answer for ${timeoutMs} ms`));
  const timer = setTimeout(late, timeoutMs);
  try {
    return await read(url, controller.signal);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new ProviderUnavailable(`cannot read ${url}: ${why}`, { cause });
  } finally {
    clearTimeout(timer);
  }
}
