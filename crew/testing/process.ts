/** For tests: the crew's process, a gateway that it reports to, and envelopes on a queue file. */

import { encodeEnvelope } from "@asya/envelope";
import { openSqliteTransport, type Queue } from "@asya/transport";

const MAIN = new URL("../main.ts", import.meta.url).pathname;
const CONFIG = new URL("../../deno.json", import.meta.url).pathname;
const WAIT_MS = 20_000;

/** The process, not started yet. */
export function crew(env: Record<string, string>): Deno.Command {
  return new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", `--config=${CONFIG}`, MAIN],
    env: { ASYA_TRANSPORT: "sqlite", ASYA_METRICS_ADDR: "127.0.0.1:0", ...env },
    stdout: "piped",
    stderr: "piped",
  });
}

/** A final state as it was reported. */
export interface Final {
  readonly id: string;
  readonly status: string;
  readonly result?: unknown;
}

/** A gateway that takes final states. */
export class FinalGateway implements AsyncDisposable {
  readonly finals: Final[] = [];
  /** Called with each of them before it is answered. */
  onFinal: (final: Final) => Promise<void> = () => Promise.resolve();
  readonly #server = Deno.serve(
    { port: 0, hostname: "127.0.0.1", onListen() {} },
    (request) => this.#answer(request),
  );

  get url(): string {
    return `http://127.0.0.1:${this.#server.addr.port}`;
  }

  async #answer(request: Request): Promise<Response> {
    const { pathname } = new URL(request.url);
    const body = await request.json();
    if (!pathname.endsWith("/final")) return Response.json({}, { status: 404 });
    this.finals.push(body);
    await this.onFinal(body);
    return Response.json({ status: "ok" });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.shutdown();
  }
}

/** A queue file with envelopes for `happy-end`, and the folder that it is in. */
export class CrewStage implements AsyncDisposable {
  readonly #transport;
  readonly queue: Queue;

  private constructor(readonly dir: string) {
    this.#transport = openSqliteTransport({ path: `${dir}/asya.db` });
    this.queue = this.#transport.queue("happy-end");
  }

  /** `ids`: of the envelopes that wait, each with the payload `{"ok":true}`. */
  static async open(ids: readonly string[]): Promise<CrewStage> {
    const stage = new CrewStage(await Deno.makeTempDir({ prefix: "asya-crew-" }));
    for (const actor of ["happy-end", "error-end"]) await stage.queue.declare(actor);
    await stage.queue.send(ids.map((id) => ({
      actor: "happy-end",
      messageId: id,
      body: encodeEnvelope({
        id,
        route: { actors: ["a"], current: 1, extra: new Map() },
        payload: new TextEncoder().encode('{"ok":true}'),
        extra: new Map(),
      }),
    })));
    return stage;
  }

  /** What the process has to know to work here. */
  get env(): Record<string, string> {
    return { ASYA_ACTOR_NAME: "happy-end", ASYA_SQLITE_PATH: `${this.dir}/asya.db` };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#transport.close();
    await Deno.remove(this.dir, { recursive: true });
  }
}

/** Waits until a condition holds. */
export async function until(condition: () => boolean | Promise<boolean>, what: string) {
  const end = performance.now() + WAIT_MS;
  while (!await condition()) {
    if (performance.now() > end) throw new Error(`gave up waiting: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
