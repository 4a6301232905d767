/** Starts the emulator for tests. */

/** A running SQS; any credentials, region us-east-1. */
export interface Emulator extends AsyncDisposable {
  readonly url: string;
}

const EMULATOR = new URL("./emulator.ts", import.meta.url).pathname;

/** Starts one on a free port of the loopback. It ends with this process, however that ends. */
export async function startEmulator(): Promise<Emulator> {
  const process = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--quiet", EMULATOR],
    stdin: "piped", // closed when this process ends
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  const lines = process.stdout.pipeThrough(new TextDecoderStream()).getReader();
  const { value } = await lines.read();
  if (value === undefined) throw new Error("the SQS emulator ended before it listened");
  return {
    url: value.trim(),
    async [Symbol.asyncDispose]() {
      await process.stdin.close();
      await process.status;
      await lines.cancel();
    },
  };
}
