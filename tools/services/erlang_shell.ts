/**
 * A process with an Erlang shell on its standard input and output. What it says is kept within a
 * bound, and expressions are evaluated inside it: no second VM, no distribution, no cookie.
 */

import { RabbitmqError } from "./rabbitmq_node.ts";

const KEPT_CHARACTERS = 20_000;
const EVAL_MS = 30_000;

/** Talks to the shell of a child process whose three standard streams are piped. */
export class ErlangShell {
  readonly #input: WritableStreamDefaultWriter<Uint8Array>;
  readonly #reading: Promise<unknown>;
  readonly #waiting = new Map<string, Pick<PromiseWithResolvers<string>, "resolve" | "reject">>();
  #said = "";
  #asked = 0;

  /** Reads from the child's output from now on. */
  constructor(child: Deno.ChildProcess) {
    this.#input = child.stdin.getWriter();
    this.#reading = Promise.all([this.#read(child.stdout), this.#read(child.stderr)]);
  }

  /** The end of what the process printed. */
  get said(): string {
    return this.#said;
  }

  /** The value of comma-separated expressions, as Erlang prints it on one line. */
  async eval(expressions: string): Promise<string> {
    const mark = `asya-eval-${++this.#asked}`;
    const source = new TextEncoder().encode(`${expressions}.`).toBase64();
    // As data, so that no quote or letter meets the shell's own; in a fun, so that it binds nothing.
    const say = (word: string, value: string) =>
      `io:format("~n${mark} ${word} ~s~n", [base64:encode(unicode:characters_to_binary(` +
      `io_lib:format("~0tp", [${value}])))])`;
    const command = `(fun() -> try
      {ok, T, _} = erl_scan:string(unicode:characters_to_list(base64:decode("${source}"))),
      {ok, E} = erl_parse:parse_exprs(T),
      {value, V, _} = erl_eval:exprs(E, []),
      ${say("ok", "V")}
    catch C:R -> ${say("failed", "{C, R}")} end end)().\n`;
    const { promise, resolve, reject } = Promise.withResolvers<string>();
    this.#waiting.set(mark, { resolve, reject });
    const late = () => reject(new RabbitmqError(`the broker did not answer: ${expressions}`));
    const timer = setTimeout(late, EVAL_MS);
    try {
      await this.#input.write(new TextEncoder().encode(command));
      const [word, value] = (await promise).split(" ");
      const text = new TextDecoder().decode(Uint8Array.fromBase64(value!));
      if (word === "ok") return text;
      throw new RabbitmqError(`${expressions}: ${text}`);
    } finally {
      clearTimeout(timer);
      this.#waiting.delete(mark);
    }
  }

  /** Lets go of a process that has ended. */
  async close(): Promise<void> {
    for (const { reject } of this.#waiting.values()) {
      reject(new RabbitmqError("the broker has ended"));
    }
    await this.#reading;
    await this.#input.abort(); // closing would flush into a pipe that nobody reads
  }

  async #read(output: ReadableStream<Uint8Array>): Promise<void> {
    let line = "";
    for await (const text of output.pipeThrough(new TextDecoderStream())) {
      this.#said = (this.#said + text).slice(-KEPT_CHARACTERS);
      const lines = (line + text).split("\n");
      line = lines.pop()!.slice(-KEPT_CHARACTERS);
      for (const one of lines) {
        const [, mark, answer] = /(asya-eval-\d+) (\w+ \S+)/.exec(one) ?? [];
        if (mark !== undefined) this.#waiting.get(mark)?.resolve(answer!);
      }
    }
  }
}
