/** Actors with what the API server says of them, for tests beside the code and on a cluster. */

import { parseAllDocuments } from "yaml";

/** An actor that has to be refused. */
export interface BadActor {
  /** Its YAML. */
  readonly text: string;
  /** As plain values. */
  readonly value: unknown;
  /** A part of the refusal. */
  readonly expect: string;
  /** Whether only the CRD refuses it: files may hold it. */
  readonly clusterOnly: boolean;
}

function documents(text: string): { text: string; value: unknown }[] {
  const parts = text.split(/^---$/m);
  return parts.map((part) => {
    const [document] = parseAllDocuments(part);
    return { text: part.trim(), value: document!.toJS() };
  });
}

const folder = new URL("testdata/", import.meta.url);

/** What the API server takes. */
export function goodActors(): { readonly text: string; readonly value: unknown }[] {
  return documents(Deno.readTextFileSync(new URL("good.yaml", folder)));
}

/** What it refuses; the comment `# expect:` of each says with which words. */
export function badActors(): BadActor[] {
  return documents(Deno.readTextFileSync(new URL("bad.yaml", folder))).map((document) => {
    const expect = /^# expect: (.+)$/m.exec(document.text)?.[1];
    if (expect === undefined) throw new Error(`no "# expect:" in\n${document.text}`);
    return { ...document, expect, clusterOnly: /^# only: cluster$/m.test(document.text) };
  });
}
