/** Waiting for what a cluster will do, within a bound, and children that end with the test. */

const LOOK_MS = 300;

/**
 * Looks until there is something.
 *
 * @param what is waited for, for the error
 * @param options `seen`: what there was at the last look, for the error
 * @throws Error that says what did not come
 */
export async function until<T>(
  what: string,
  seconds: number,
  look: () => Promise<T | undefined | false> | T | undefined | false,
  { seen = () => "nothing", everyMs = LOOK_MS }: {
    readonly seen?: () => unknown;
    readonly everyMs?: number;
  } = {},
): Promise<T> {
  const end = performance.now() + seconds * 1_000;
  for (;;) {
    const found = await look();
    if (found !== undefined && found !== false) return found;
    if (performance.now() > end) {
      throw new Error(
        `not within ${seconds} s: ${what}; there was ${JSON.stringify(seen()).slice(0, 2_000)}`,
      );
    }
    await new Promise((resolve) => setTimeout(resolve, everyMs));
  }
}

/** Seconds since a moment of `performance.now()`, with one digit. */
export function since(began: number): string {
  return ((performance.now() - began) / 1_000).toFixed(1);
}

/** A program that runs beside a test. */
export interface Beside extends AsyncDisposable {
  /** The line of its output that was waited for, as the expression took it apart. */
  readonly said: RegExpExecArray;
}

/**
 * Starts a program and waits for a line that says it is there.
 * @throws Error when the line does not come within 20 s
 */
export async function startBeside(command: readonly string[], line: RegExp): Promise<Beside> {
  const [program, ...args] = command;
  const child = new Deno.Command(program!, { args, stdin: "null", stdout: "piped", stderr: "null" })
    .spawn();
  let text = "";
  const reading = (async () => {
    for await (const piece of child.stdout.pipeThrough(new TextDecoderStream())) {
      text = (text + piece).slice(-10_000);
    }
  })();
  let over = false;
  const status = child.status.then(() => over = true);
  const end = async () => {
    if (!over) child.kill("SIGTERM");
    await Promise.all([status, reading]);
  };
  try {
    const said = await until(`${command.slice(0, 4).join(" ")} to say ${line}`, 20, () => {
      if (over) throw new Error(`${command.join(" ")} ended: ${text}`);
      return line.exec(text) ?? undefined;
    });
    return { said, [Symbol.asyncDispose]: end };
  } catch (error) {
    await end();
    throw error;
  }
}
