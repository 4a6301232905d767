/** For tests: a gateway over real HTTP whose answers a test decides. */

import type { Json } from "./test_stage.ts";

/** What came. */
export interface GatewayRequest {
  readonly path: string;
  readonly body: Json;
  readonly authorization: string | null;
}

/** Listens on the loopback; keeps what comes before it answers. */
export class FakeGateway implements AsyncDisposable {
  readonly requests: GatewayRequest[] = [];
  /** What it says; it may take its time. */
  answer: (path: string, body: Json) => Response | Promise<Response> = () => Response.json({});
  readonly #server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => undefined },
    async (request) => {
      const path = new URL(request.url).pathname;
      const body = await request.json();
      this.requests.push({ path, body, authorization: request.headers.get("authorization") });
      return await this.answer(path, body);
    },
  );

  get url(): string {
    return `http://127.0.0.1:${this.#server.addr.port}`;
  }

  /** All reports that came in batches, in order. */
  get reports(): Json[] {
    return this.requests.filter(({ path }) => path === "/reports").flatMap((r) => r.body.reports);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.shutdown();
  }
}
