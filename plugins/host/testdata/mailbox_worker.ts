/** A worker at the other end of two mailboxes: sends back what it gets, and says when it leaves. */

/// <reference no-default-lib="true" />
/// <reference lib="deno.worker" />

import { Mailbox } from "../mailbox.ts";

self.onmessage = ({ data }: MessageEvent<readonly [SharedArrayBuffer, SharedArrayBuffer]>) => {
  const [there, back] = data.map((memory) => new Mailbox(memory));
  for (let parcel = there!.wait(); parcel !== undefined; parcel = there!.wait()) back!.put(parcel);
  self.postMessage("left");
};
