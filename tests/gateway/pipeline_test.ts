import assert from "node:assert/strict";
import { readEvents, type SseEvent } from "../../gateway/testing/sse.ts";
import { pythonActor, until } from "../project.ts";
import { running } from "../running.ts";
import { callTool, exists, inState, view } from "./setup.ts";

const HANDLERS = `import asyncio, pathlib, time

async def slow(payload):
    folder = pathlib.Path(payload["folder"])
    (folder / "begun").touch()
    try:
        await asyncio.sleep(60)
    except asyncio.CancelledError:
        (folder / "stopped").touch()
        raise
    return payload

def after(payload):
    (pathlib.Path(payload["folder"]) / "after").touch()
    return payload

def tell(payload):
    for n in range(payload["n"]):
        yield {"asya.partial": {"token": n}}
    while not (pathlib.Path(payload["folder"]) / "go").exists():
        time.sleep(0.01)
    yield {"told": payload["n"]}

def once(payload):
    """Fails the first time."""
    mark = pathlib.Path(payload["folder"]) / "tried"
    if not mark.exists():
        mark.touch()
        raise ValueError("not yet")
    return {"done": payload["step"]}

def step(payload):
    with open(pathlib.Path(payload["folder"]) / "steps", "a") as steps:
        steps.write("step\\n")
    return {**payload, "step": payload.get("step", 0) + 1}
`;

const TOOLS = `tools:
  - { name: slow, parameters: { folder: { type: string } }, route: [slow, after] }
  - { name: tell, parameters: { n: { type: integer }, folder: { type: string } }, route: [tell] }
  - { name: once, parameters: { folder: { type: string } }, route: [step, once] }
`;

const FILES = {
  "handlers.py": HANDLERS,
  "tools.yaml": TOOLS,
  "actors.yaml": ["slow", "after", "tell", "once", "step"].map((name) =>
    pythonActor(name, `handlers.${name}`)
  ).join(""),
};

Deno.test("DELETE /envelopes/{id} stops a Python handler in the middle, and the hops behind it", () =>
  running(FILES, async ({ local: { url, dir }, ...system }) => {
    const id = await callTool(url, "slow", { folder: dir });
    await until("the handler runs", () => exists(`${dir}/begun`));
    const stream = fetch(`${url}/envelopes/${id}/stream`);
    const response = await fetch(`${url}/envelopes/${id}`, { method: "DELETE" });
    assert.deepEqual(await response.json(), { id, status: "cancelled" });
    const events = await Array.fromAsync(readEvents(await stream));
    assert.equal(events.at(-1)!.data.status, "cancelled");
    await until("the handler is stopped", () => exists(`${dir}/stopped`), 30_000);
    const { error } = await system.failed(id); // error-end has it, and told the gateway in vain
    assert.equal(error, "cancelled");
    assert.equal((await view(url, id)).status, "cancelled");
    assert.equal(await exists(`${dir}/after`), false);
  }));

Deno.test("POST /envelopes/{id}/retry goes on at the actor that failed, with its own input", () =>
  running(FILES, async ({ local: { url, dir } }) => {
    const id = await callTool(url, "once", { folder: dir });
    const failed = await inState(url, id, "failed");
    assert.equal(failed.current_actor_name, "once");
    const response = await fetch(`${url}/envelopes/${id}/retry`, {
      method: "POST",
      headers: { prefer: "wait=30" },
    });
    const again = await response.json();
    assert.deepEqual([again.status, again.result], ["succeeded", { done: 1 }]);
    assert.equal(again.headers["x-asya-retry-of"], id);
    assert.equal(await Deno.readTextFile(`${dir}/steps`), "step\n"); // it was not done again
    assert.equal((await view(url, id)).status, "failed");
  }));

Deno.test("GET stream has the partial results of a Python generator, in order, while it works", () =>
  running(FILES, async ({ local: { url, dir } }) => {
    const id = await callTool(url, "tell", { n: 50, folder: dir });
    const events: SseEvent[] = [];
    for await (const event of readEvents(await fetch(`${url}/envelopes/${id}/stream`))) {
      events.push(event);
      if (event.data.payload?.token === 49) await Deno.writeTextFile(`${dir}/go`, "");
    }
    const tokens = events.filter(({ event }) => event === "partial").map(({ data }) =>
      data.payload
    );
    assert.deepEqual(tokens, Array.from({ length: 50 }, (_, token) => ({ token })));
    assert.deepEqual(events.map((event) => event.id), events.map((_, n) => n + 1));
    const last = events.at(-1)!;
    assert.deepEqual([last.event, last.data.result], ["update", { told: 50 }]);
  }));
