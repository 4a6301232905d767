import assert from "node:assert/strict";
import { Hono } from "hono";
import { type Caller, setCaller } from "../auth/caller.ts";
import { problemResponse, toGatewayError } from "../http/problem.ts";
import { take } from "./bucket.ts";
import { Limiter } from "./limiter.ts";
import { limitCallers } from "./middleware.ts";
import { parseRate } from "./rate.ts";

Deno.test("parseRate() reads requests in a second, minute or hour, and refuses odd texts", () => {
  assert.deepEqual(parseRate("10/s"), { count: 10, perMs: 1_000 });
  assert.deepEqual(parseRate("600/m"), { count: 600, perMs: 60_000 });
  assert.deepEqual(parseRate(" 5000/h"), { count: 5_000, perMs: 3_600_000 });
  for (const text of ["", "10", "0/s", "1.5/s", "10/d", "-1/s", "10 / s", "1e3/s"]) {
    assert.throws(() => parseRate(text), /expected requests in a time/, text);
  }
});

Deno.test("take() lets a burst pass, then one at the rate's pace", () => {
  const rate = { count: 2, perMs: 1_000 };
  const first = take(undefined, rate, 0);
  assert.deepEqual([first.allowed, first.remaining, first.fullMs], [true, 1, 500]);
  const second = take(first.bucket, rate, 0);
  assert.deepEqual([second.allowed, second.remaining, second.waitMs], [true, 0, 500]);
  const third = take(second.bucket, rate, 100);
  assert.deepEqual([third.allowed, third.waitMs], [false, 400]);
  assert.equal(take(third.bucket, rate, 499).allowed, false);
  assert.equal(take(third.bucket, rate, 500).allowed, true);
  assert.equal(take(second.bucket, rate, 1e9).remaining, 1, "never more than full");
  assert.equal(take(second.bucket, rate, -1e9).allowed, false, "a clock that goes back gives none");
});

Deno.test("Limiter remembers a bounded number of callers, and those with requests in flight", () => {
  const limiter = new Limiter(3);
  const bounds = { concurrent: 1 };
  const busy = limiter.enter("busy", bounds, 0);
  for (let n = 0; n < 10; n++) limiter.enter(`c${n}`, bounds, 0).leave();
  assert.equal(limiter.size, 3);
  assert.equal(limiter.enter("busy", bounds, 0).refused, "concurrency");
  busy.leave();
  busy.leave();
  assert.equal(limiter.enter("busy", bounds, 0).refused, undefined);
  assert.equal(limiter.enter("busy", bounds, 0).refused, "concurrency", "counted down once only");
});

/** An app whose callers are named by a header. */
function appOf(
  defaults: Parameters<typeof limitCallers>[0]["defaults"],
  own: Partial<Caller> = {},
) {
  const clock = { now: 0 };
  const app = new Hono();
  app.onError((error) => problemResponse(toGatewayError(error)!));
  app.use(async (c, next) => {
    setCaller(c.req.raw, { name: c.req.header("who") ?? "a", tools: "*", ...own });
    await next();
  });
  app.use(limitCallers({ defaults, now: () => clock.now }));
  const streams: ReadableStreamDefaultController[] = [];
  app.get(
    "/stream",
    () =>
      new Response(new ReadableStream({ start: (c) => void streams.push(c) }), {
        headers: { "content-type": "text/event-stream" },
      }),
  );
  app.get("/x", (c) => c.text("x"));
  app.get("/health", (c) => c.text("OK"));
  const get = async (path: string, who = "a") => await app.request(path, { headers: { who } });
  return { clock, streams, get };
}

Deno.test("limitCallers() answers 429 with Retry-After and RateLimit, for each caller apart", async () => {
  const { clock, get } = appOf({ rate: { count: 2, perMs: 10_000 } });
  const first = await get("/x");
  assert.equal(first.headers.get("ratelimit-policy"), '"caller";q=2;w=10');
  assert.equal(first.headers.get("ratelimit"), '"caller";r=1;t=5');
  await get("/x");
  const refused = await get("/x");
  assert.equal(refused.status, 429);
  assert.equal(refused.headers.get("retry-after"), "5");
  assert.equal(refused.headers.get("ratelimit"), '"caller";r=0;t=5');
  assert.equal((await refused.json()).code, "rate_limited");
  assert.equal((await get("/x", "b")).status, 200);
  assert.equal((await get("/health")).status, 200, "probes are not counted");
  clock.now = 5_000;
  assert.equal((await get("/x")).status, 200);
});

Deno.test("limitCallers() counts a stream until its end or until its client leaves", async () => {
  const { streams, get } = appOf({}, { concurrent: 2 });
  const one = await get("/stream");
  const two = await get("/stream");
  const refused = await get("/x");
  assert.deepEqual([refused.status, refused.headers.get("retry-after")], [429, "1"]);
  assert.equal((await refused.json()).code, "too_many_in_flight");
  streams[0]!.close();
  await one.text();
  assert.equal((await get("/x")).status, 200);
  const three = await get("/stream");
  assert.equal((await get("/x")).status, 429);
  await two.body!.cancel();
  assert.equal((await get("/x")).status, 200);
  await three.body!.cancel();
});
