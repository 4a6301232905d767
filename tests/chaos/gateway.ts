/** The gateway as its callers see it. */

/** How many requests are under way at once. */
const AT_ONCE = 16;

/** Calls the tool of the route so often, with n = 0, 1, ...; the ids of the envelopes. */
export async function callGateway(url: string, count: number): Promise<string[]> {
  return await inParallel(count, async (n) => {
    const body = JSON.stringify({ name: "square", arguments: { n } });
    const headers = { "content-type": "application/json" };
    const response = await fetch(`${url}/tools/call`, { method: "POST", headers, body });
    const text = await response.text();
    if (!response.ok) throw new Error(`the gateway answered ${response.status}: ${text}`);
    return JSON.parse(JSON.parse(text).content[0].text).envelope_id;
  });
}

/** What the gateway knows of envelopes: the result of those that succeeded, else the state. */
export async function knownToGateway(
  url: string,
  ids: readonly string[],
): Promise<Map<string, unknown>> {
  const known = await inParallel(ids.length, async (n) => {
    const id = ids[n]!;
    const response = await fetch(`${url}/envelopes/${encodeURIComponent(id)}`);
    const { status, result } = await response.json();
    return [id, response.ok && status === "succeeded" ? result : status] as const;
  });
  return new Map(known);
}

async function inParallel<T>(count: number, work: (n: number) => Promise<T>): Promise<T[]> {
  const results: T[] = [];
  let next = 0;
  const worker = async () => {
    for (let n = next++; n < count; n = next++) results[n] = await work(n);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  return results;
}
