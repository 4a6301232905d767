/** `asya dev` as a process that can be killed. */

const MAIN = new URL("../../cli/main.ts", import.meta.url).pathname;
const CONFIG = new URL("../../deno.json", import.meta.url).pathname;

/** A running `dev`. */
export interface DevProcess {
  /** Ends it at once, as a power cut would; resolves when it is gone. */
  kill9(): Promise<void>;
  /** Drains; resolves with the exit code. */
  stop(): Promise<number>;
}

/** Starts `dev` over a folder and waits until it says that it is ready. */
export async function startDev(dir: string): Promise<DevProcess> {
  const child = new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "-A",
      `--config=${CONFIG}`,
      MAIN,
      "dev",
      dir,
      "--port=0",
    ],
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  let said = "";
  const ready = Promise.withResolvers<void>();
  const read = async (stream: ReadableStream<Uint8Array>) => {
    for await (const text of stream.pipeThrough(new TextDecoderStream())) {
      said += text;
      if (/ready in [0-9.]+ s/.test(said)) ready.resolve();
    }
  };
  const ended = Promise.all([read(child.stdout), read(child.stderr), child.status]);
  const early = ended.then(([, , { code }]) => {
    throw new Error(`dev ended with ${code} before it was ready:\n${said}`);
  });
  early.catch(() => {}); // of interest only while nobody is ready
  await Promise.race([ready.promise, early]);
  const finish = async (signal: Deno.Signal) => {
    child.kill(signal);
    const [, , { code }] = await ended;
    return code;
  };
  return { kill9: async () => void await finish("SIGKILL"), stop: () => finish("SIGTERM") };
}
