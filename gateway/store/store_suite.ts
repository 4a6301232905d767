/** What every store must do; each implementation runs it against the real thing. */

import assert from "node:assert/strict";
import { cancelled } from "../envelopes/cancel.ts";
import { newCall, newChild, published } from "../envelopes/create.ts";
import { finished } from "../envelopes/final.ts";
import { progressed, recalled } from "../envelopes/progress.ts";
import { type Change, type EnvelopeRecord, withoutPublishAfter } from "../envelopes/record.ts";
import { type ListQuery, MAX_UPDATES, type Store, StoreUnavailable } from "./store.ts";

/** A place where a store keeps things. */
export interface StorePlace extends AsyncDisposable {
  /** Opens the store; a second time after `close`, it has what was stored. */
  open(): Promise<Store>;
}

function call(id: string, more: { timeoutSeconds?: number; publishAfter?: number } = {}): Change {
  return { record: newCall({ id, actors: ["prep"], now: 1_000, publishAfter: 5_000, ...more }) };
}

const step = (record: EnvelopeRecord) =>
  progressed(record, { status: "processing", actorIdx: 0 }, 2_000);
const succeed = (record: EnvelopeRecord) =>
  finished(record, { status: "succeeded", result: '{"big":9007199254740993}' }, 3_000);

const old: readonly EnvelopeRecord[] = [
  {
    ...newCall({ id: "open", actors: ["prep", "infer"], now: 3_000, publishAfter: 0 }),
    state: "running",
    currentActorIdx: 1,
    currentActorName: "infer",
    message: 'half \ud800, nul \0, "state":"failed"',
  },
  {
    ...newChild(
      { id: "child", actors: ["prep"], current: 0, createdAt: 2_000 },
      newCall({ id: "open", actors: ["prep"], now: 3_000, publishAfter: 0 }),
    ),
  },
  {
    ...newCall({ id: "ended", actors: ["prep"], now: 1_000, publishAfter: 0 }),
    state: "succeeded",
  },
];

/** What a program of the version before kept, the newest first. */
export const oldRecords = old.map(withoutPublishAfter);

/** Adds the suite's tests. */
export function testStore(name: string, place: () => Promise<StorePlace>): void {
  const test = (what: string, body: (store: Store, place: StorePlace) => Promise<void>) =>
    Deno.test(`${name}: ${what}`, async () => {
      await using where = await place();
      const store = await where.open();
      try {
        await body(store, where);
      } finally {
        await store.close();
      }
    });

  test("get() gives back what create() stored, the payload letter by letter", async (store) => {
    const change = call("a");
    assert.equal(await store.create(change, '{"n": 1e400, "s": "\\ud800"}'), true);
    assert.deepEqual(await store.get("a"), {
      record: change.record,
      payload: '{"n": 1e400, "s": "\\ud800"}',
    });
    assert.deepEqual(await store.head("a"), change.record);
  });

  test("ids and texts may hold anything that JSON can say", async (store) => {
    const odd = [
      "\0",
      "a\\u0000",
      "\ud800",
      "\udc00",
      "'\"{},",
      "NULL",
      "ä 🧀",
      "%",
      "x".repeat(256),
    ];
    for (const [n, text] of odd.entries()) {
      const { record } = call(text);
      const payload = `${JSON.stringify(text)} `;
      const actors = [text];
      const change = { record: { ...record, id: `${n}${text}`, actors, message: text } };
      assert.equal(await store.create(change, payload), true, `${n}`);
      await store.change(change.record.id, succeed);
    }
    for (const [n, text] of odd.entries()) {
      const found = await store.get(`${n}${text}`);
      assert.equal(found?.payload, `${JSON.stringify(text)} `);
      assert.deepEqual([found.record.id, found.record.actors], [`${n}${text}`, [text]]);
      assert.equal((await store.updates(`${n}${text}`, 0, 10)).length, 1);
    }
  });

  test("create() and change() keep bodies of many megabytes", async (store) => {
    const big = JSON.stringify('\\"ä'.repeat(1 << 20));
    await Promise.all(["a", "b", "c"].map((id) => store.create(call(id), big)));
    await store.change("a", (record) => finished(record, { status: "succeeded", result: big }, 9));
    const found = await store.get("a");
    assert.ok(found?.payload === big && found.result === big);
  });

  test("create() leaves an envelope that exists as it is", async (store) => {
    await store.create(call("a"), "1");
    const other = {
      record: newChild({ id: "a", actors: ["other"], current: 0, createdAt: 9 }, undefined),
    };
    assert.equal(await store.create(other, "2"), false);
    assert.equal((await store.get("a"))?.payload, "1");
  });

  test("nothing is known of an id that was never stored", async (store) => {
    assert.equal(await store.get("x"), undefined);
    assert.equal(await store.head("x"), undefined);
    assert.equal(await store.change("x", step), undefined);
    assert.deepEqual(await store.updates("x", 0, 10), []);
  });

  test("change() stores record, update and result as one", async (store) => {
    await store.create(call("a"), "1");
    const outcome = await store.change("a", succeed);
    assert.equal(outcome?.changed, true);
    assert.equal(outcome?.record.state, "succeeded");
    const found = await store.get("a");
    assert.equal(found?.record.state, "succeeded");
    assert.equal(found?.result, '{"big":9007199254740993}');
    const [update, ...more] = await store.updates("a", 0, 10);
    assert.deepEqual(more, []);
    assert.deepEqual({ seq: update?.seq, final: update?.final }, { seq: 1, final: true });
  });

  test("change() alters nothing where decide refuses", async (store) => {
    await store.create(call("a"), "1");
    await store.change("a", succeed);
    const before = await store.get("a");
    const outcome = await store.change("a", (record) => finished(record, { status: "failed" }, 9));
    assert.deepEqual(outcome, { changed: false, record: before?.record });
    assert.deepEqual(await store.get("a"), before);
    assert.equal((await store.updates("a", 0, 10)).length, 1);
  });

  test("change() alters nothing where decide throws, and the others go on", async (store) => {
    await store.create(call("a"), "1");
    const bad = store.change("a", () => {
      throw new RangeError("no");
    });
    const good = store.change("a", step);
    await assert.rejects(bad, RangeError);
    assert.equal((await good)?.record.state, "running");
    assert.equal((await store.updates("a", 0, 10)).length, 1);
  });

  test("change() is never interrupted: of many finals at once exactly one wins", async (store) => {
    await store.create(call("a"), "1");
    const outcomes = await Promise.all(
      Array.from({ length: 40 }, (_, i) =>
        store.change(
          "a",
          (record) => finished(record, { status: "succeeded", result: String(i) }, 3_000),
        )),
    );
    assert.equal(outcomes.filter((outcome) => outcome?.changed).length, 1);
    assert.equal((await store.updates("a", 0, 50)).length, 1);
  });

  test("updates() are numbered 1, 2, 3 in the order of their changes", async (store) => {
    await store.create(call("a"), "1");
    await Promise.all(Array.from({ length: 30 }, () => store.change("a", step)));
    const all = await store.updates("a", 0, 100);
    assert.deepEqual(all.map(({ seq }) => seq), Array.from({ length: 30 }, (_, i) => i + 1));
    assert.deepEqual(await store.updates("a", 10, 5), all.slice(10, 15));
  });

  test("updates() are bounded, and the final one is always kept", async (store) => {
    await store.create(call("a"), "1");
    for (let done = 0; done < MAX_UPDATES + 10; done += 500) {
      await Promise.all(Array.from({ length: 500 }, () => store.change("a", step)));
    }
    await store.change("a", succeed);
    const rest = await store.updates("a", MAX_UPDATES - 1, 10);
    assert.deepEqual(rest.map(({ seq, final }) => [seq, final]), [
      [MAX_UPDATES, false],
      [MAX_UPDATES + 1, true],
    ]);
    await store.change("a", (record) => recalled(record, { status: "received", actorIdx: 0 }, 9));
    assert.deepEqual(await store.updates("a", MAX_UPDATES - 1, 10), rest);
  });

  test("change() puts an update that comes after the end before the final one", async (store) => {
    await store.create(call("a"), "1");
    await store.change("a", step);
    await store.change("a", succeed);
    const before = await store.get("a");
    const late = { status: "completed", actorIdx: 0, at: 2_500 } as const;
    for (const message of ["x", "y"]) {
      await store.change("a", (record) => recalled(record, { ...late, message }, 4_000));
    }
    assert.deepEqual(await store.get("a"), before);
    const history = await store.updates("a", 0, 10);
    assert.deepEqual(
      history.map(({ seq, final, data }) => [seq, final, JSON.parse(data).message]),
      [
        [1, false, undefined],
        [2, false, "x"],
        [3, false, "y"],
        [4, true, "Envelope completed successfully"],
      ],
    );
    assert.equal(JSON.parse(history[1]!.data).timestamp, "1970-01-01T00:00:02.500Z");
  });

  test("watch() calls after the update can be read, and not after the undo", async (store) => {
    await store.create(call("a"), "1");
    await store.create(call("b"), "1");
    const woken = Promise.withResolvers<number>();
    const undo = store.watch("a", async () => {
      woken.resolve((await store.updates("a", 0, 10)).length);
    });
    await store.change("b", step);
    await store.change("a", step);
    assert.equal(await woken.promise, 1);
    undo();
    let late = 0;
    const end = store.watch("a", () => late++);
    end();
    await store.change("a", step);
    assert.equal(late, 0);
  });

  test("claimUnpublished() gives each envelope to one taker until its claim ends", async (store) => {
    await store.create(call("now", { publishAfter: 10 }), "1");
    await store.create(call("later", { publishAfter: 5_000 }), "2");
    const claims = await Promise.all([
      store.claimUnpublished({ now: 100, until: 900, limit: 10 }),
      store.claimUnpublished({ now: 100, until: 900, limit: 10 }),
    ]);
    assert.deepEqual(claims.flat().map(({ record, payload }) => [record.id, payload]), [
      ["now", "1"],
    ]);
    assert.equal((await store.head("now"))?.publishAfter, 900);
    const again = await store.claimUnpublished({ now: 901, until: 2_000, limit: 10 });
    assert.deepEqual(again.map(({ record }) => record.id), ["now"]);
  });

  test("claimUnpublished() takes at most the limit, the longest waiting first", async (store) => {
    for (const [id, publishAfter] of [["c", 30], ["a", 10], ["b", 20]] as const) {
      await store.create(call(id, { publishAfter }), "1");
    }
    const claimed = await store.claimUnpublished({ now: 100, until: 900, limit: 2 });
    assert.deepEqual(claimed.map(({ record }) => record.id), ["a", "b"]);
  });

  test("claimUnpublished() leaves out what is published or final", async (store) => {
    await store.create(call("sent", { publishAfter: 1 }), "1");
    await store.create(call("over", { publishAfter: 1 }), "1");
    await store.change("sent", (record) => published(record, 2));
    await store.change("over", succeed);
    assert.deepEqual(await store.claimUnpublished({ now: 100, until: 900, limit: 10 }), []);
  });

  test("overdue() has open envelopes past their deadline only", async (store) => {
    await store.create(call("none"), "1");
    await store.create(call("due", { timeoutSeconds: 2 }), "1"); // at 3,000
    await store.create(call("first", { timeoutSeconds: 1 }), "1"); // at 2,000
    await store.create(call("over", { timeoutSeconds: 1 }), "1");
    await store.change("over", succeed);
    assert.deepEqual(await store.overdue(1_999, 10), []);
    assert.deepEqual(await store.overdue(3_000, 10), ["first", "due"]);
    assert.deepEqual(await store.overdue(3_000, 1), ["first"]);
  });

  test("get() has what the actor that failed was given", async (store) => {
    await store.create(call("a"), "1");
    await store.change(
      "a",
      (record) => finished(record, { status: "failed", failedInput: '{"n": 1.0}' }, 3_000),
    );
    assert.equal((await store.get("a"))?.failedInput, '{"n": 1.0}');
  });

  const ids = async (store: Store, query: Partial<ListQuery>) =>
    (await store.list({ limit: 10, ...query })).map(({ id }) => id);

  test("list() has the newest first, page by page, each envelope once", async (store) => {
    for (let n = 0; n < 9; n++) {
      const { record } = call(`e${n}`);
      await store.create({ record: { ...record, createdAt: 1_000 + (n >> 1) } }, "1");
    }
    const all = ["e8", "e7", "e6", "e5", "e4", "e3", "e2", "e1", "e0"];
    assert.deepEqual(await ids(store, {}), all);
    assert.deepEqual(await ids(store, { limit: 2 }), ["e8", "e7"]);
    const seen: string[] = [];
    let page = await store.list({ limit: 2 });
    while (page.length > 0) {
      seen.push(...page.map(({ id }) => id));
      page = await store.list({ limit: 2, behind: page.at(-1)! });
    }
    assert.deepEqual(seen, all);
    const head = await store.head("e3");
    assert.deepEqual(await store.list({ limit: 1, behind: { createdAt: 1_002, id: "e4" } }), [
      head,
    ]);
  });

  test("list() finds by state, actor, tool, parent and time, in any combination", async (store) => {
    const odd = "t'\"; DROP TABLE gateway_envelopes; --\0\ud800";
    for (const [n, tool] of ["x", "x", "y", odd].entries()) {
      const { record } = call(`e${n}`);
      await store.create({ record: { ...record, tool, createdAt: 1_000 + n } }, "1");
    }
    const parent = (await store.head("e0"))!;
    const child = newChild(
      { id: "c", actors: ["prep", "odd"], current: 1, createdAt: 5_000 },
      parent,
    );
    await store.create({ record: child }, "null");
    const at = { status: "processing", actorIdx: 1 } as const;
    await store.change("c", (record) => progressed(record, at, 6_000));
    await store.change("e1", succeed);
    await store.change("e2", (record) => cancelled(record, 4_000));
    const found: [Partial<ListQuery>, string[]][] = [
      [{ states: ["pending"] }, ["e3", "e0"]],
      [{ states: ["succeeded", "cancelled"] }, ["e2", "e1"]],
      [{ states: ["failed"] }, []],
      [{ tool: "x" }, ["e1", "e0"]],
      [{ tool: odd }, ["e3"]],
      [{ actor: "prep" }, ["e3", "e2", "e1", "e0"]],
      [{ actor: "odd" }, ["c"]],
      [{ parentId: "e0" }, ["c"]],
      [{ parentId: "e1" }, []],
      [{ createdFrom: 1_001, createdBefore: 1_003 }, ["e2", "e1"]],
      [{ tool: "x", states: ["succeeded"], createdFrom: 1_000, actor: "prep" }, ["e1"]],
      [{ tool: "x", behind: { createdAt: 1_001, id: "e1" } }, ["e0"]],
    ];
    for (const [query, expected] of found) {
      assert.deepEqual(await ids(store, query), expected, JSON.stringify(query));
    }
  });

  const once = (fingerprint: string, freeBefore = 0) => ({ key: "k", fingerprint, freeBefore });

  test("get() gives many at once each its own bodies, large and small", async (store) => {
    const bodies = [3, 100_000, 5, 300_000, 7].map((length, n) => `"${`${n}`.repeat(length)}"`);
    for (const [n, body] of bodies.entries()) {
      await store.create(call(`e${n}`), n % 2 ? body : "1");
      const report = { status: "succeeded", result: body } as const;
      await store.change(`e${n}`, (record) => finished(record, report, 3_000));
    }
    const ids = [0, 1, 2, 3, 4, 1, 9, 0];
    const found = await Promise.all(ids.map((n) => store.get(`e${n}`)));
    assert.deepEqual(found.map((one) => one?.result), ids.map((n) => bodies[n]));
    assert.deepEqual(
      found.map((one) => one?.payload),
      ids.map((n) => n % 2 ? bodies[n] : bodies[n] && "1"),
    );
  });

  test("createOnce() makes one envelope of many with one key, at once or later", async (store) => {
    const first = await Promise.all(
      Array.from({ length: 20 }, (_, n) => store.createOnce(call(`e${n}`), `${n}`, once("f"))),
    );
    const { id } = first[0]!;
    assert.deepEqual(new Set(first.map((one) => JSON.stringify(one))).size, 1);
    assert.deepEqual(await store.createOnce(call("late"), "9", once("g")), {
      id,
      fingerprint: "f",
    });
    assert.deepEqual(await ids(store, { limit: 50 }), [id]);
    assert.equal((await store.get(id))?.payload, id.slice(1));
  });

  test("createOnce() gives a key away again when it is old", async (store) => {
    await store.createOnce(call("a"), "1", once("f")); // used at 1,000
    assert.equal((await store.createOnce(call("b"), "2", once("g", 1_000))).id, "a");
    const later = await store.createOnce(call("b"), "2", once("g", 1_001));
    assert.deepEqual(later, { id: "b", fingerprint: "g" });
    assert.equal((await store.get("b"))?.payload, "2");
    const other = await store.createOnce(call("c"), "3", { ...once("g"), key: "other" });
    assert.equal(other.id, "c");
  });

  test("everything is there after close() and open()", async (store, place) => {
    await store.create(call("a", { timeoutSeconds: 2 }), "[1]");
    await store.change("a", step);
    const before = await store.get("a");
    const history = await store.updates("a", 0, 10);
    await store.close();
    const again = await place.open();
    try {
      // An unpublished envelope may be free to be taken at once after a restart.
      const found = await again.get("a");
      assert.equal(found?.payload, "[1]");
      assert.equal(found?.record.state, before?.record.state);
      assert.deepEqual(await again.updates("a", 0, 10), history);
      assert.deepEqual(await again.overdue(3_000, 10), ["a"]);
    } finally {
      await again.close();
    }
  });

  test("a closed store says so, to everybody", async (store) => {
    await store.create(call("a"), "1");
    await store.close();
    await store.close();
    await assert.rejects(store.get("a"), StoreUnavailable);
    await assert.rejects(store.change("a", step), StoreUnavailable);
  });

  test("close() finishes what was begun", async (store, place) => {
    const created = Promise.all(
      Array.from({ length: 600 }, (_, i) => store.create(call(`e${i}`), "1")),
    );
    await store.close();
    assert.ok((await created).every((made) => made));
    const again = await place.open();
    try {
      assert.notEqual(await again.head("e599"), undefined);
    } finally {
      await again.close();
    }
  });
}
