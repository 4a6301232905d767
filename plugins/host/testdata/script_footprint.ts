/** Makes and drops many guests that fail, and measures what is left of them. */

import { callGuest, HASTY_LIMITS, scriptGuest } from "./script_guest.ts";

const SOURCE = `export default (n) => {
  if (n % 2 === 0) { const kept = []; for (;;) kept.push(new Uint8Array(50_000).fill(1)); }
  if (n % 3 === 0) { for (;;); }
  return n;
}`;

const limits = { ...HASTY_LIMITS, memoryBytes: 32 * 1024 * 1024, timeoutMs: 60 };
let right = 0;
let before = 0;
for (let n = 0; n < 200; n++) {
  if (n === 50) before = Deno.memoryUsage().rss;
  const guest = await scriptGuest(SOURCE, {
    limits: { ...limits, timeoutMs: 5_000, startMs: 5_000 },
  });
  let ended: string;
  try {
    ended = callGuest(guest, String(n), { limits });
  } catch (error) {
    ended = (error as { code: string }).code;
  }
  guest.dispose();
  const expected = n % 2 === 0 ? "memory_limit timeout" : n % 3 === 0 ? "timeout" : String(n);
  if (n >= 50 && expected.split(" ").includes(ended)) right++;
}
console.log(JSON.stringify({ right, grownBytes: Deno.memoryUsage().rss - before }));
