/** What the images run with. */

/** V8's flags in an image, as its Dockerfile sets them for what runs there. */
export function v8Flags(image: "sidecar" | "gateway"): string {
  const file = new URL(`../images/${image}.Dockerfile`, import.meta.url);
  const set = [...Deno.readTextFileSync(file).matchAll(/^ENV DENO_V8_FLAGS=(\S+)/gm)];
  if (set.length === 0) throw new Error(`${file.pathname} sets no DENO_V8_FLAGS`);
  return set.at(-1)![1]!; // the stages before it only build
}
