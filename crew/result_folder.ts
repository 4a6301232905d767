/**
 * Results and errors as files: `<folder>/<actor>/<id>.json`, each the whole envelope. The first
 * write of an id wins; a file is either complete and on disk, or not there.
 */

import { encodeEnvelope, encodeId, type Envelope } from "@asya/envelope";
import { FolderSync } from "./folder_sync.ts";
import type { ResultStore } from "./result_store.ts";

/** The name of an envelope's file, without its folder; unique per id and safe on every system. */
export function resultName(id: string): string {
  return `${encodeId(id)}.json`;
}

/** A store of finished envelopes, one folder an end actor. */
export class ResultFolder implements ResultStore {
  readonly #syncs = new Map<string, FolderSync>();

  /** Results go below `folder`, which is made when it is missing. */
  constructor(readonly folder: string) {}

  /** Where the envelope of this id and end actor is, or will be. */
  path(actor: string, id: string): string {
    return `${this.folder}/${actor}/${resultName(id)}`;
  }

  /**
   * Keeps an envelope, durably. False when the id was already kept: the older file stays.
   *
   * @throws Deno.errors when the folder cannot be written: nothing was kept then
   */
  async keep(actor: string, envelope: Envelope): Promise<boolean> {
    const folder = await this.#open(actor);
    const draft = `${this.folder}/${actor}/.${crypto.randomUUID()}.draft`;
    try {
      await writeSynced(draft, encodeEnvelope(envelope));
      const first = await linkIfAbsent(draft, this.path(actor, envelope.id));
      await folder.sync(); // also for a second write: the first one may have died before this line
      return first;
    } catch (error) {
      this.#syncs.delete(actor); // somebody may have removed the folder: look again next time
      throw error;
    } finally {
      await removeIfThere(draft);
    }
  }

  /** There is nothing to let go of. */
  close(): void {}

  async #open(actor: string): Promise<FolderSync> {
    const known = this.#syncs.get(actor);
    if (known) return known;
    const path = `${this.folder}/${actor}`;
    await Deno.mkdir(path, { recursive: true });
    const folder = new FolderSync(path);
    this.#syncs.set(actor, folder);
    return folder;
  }
}

async function linkIfAbsent(from: string, to: string): Promise<boolean> {
  try {
    await Deno.link(from, to);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.AlreadyExists) return false;
    throw error;
  }
}

async function writeSynced(path: string, body: Uint8Array): Promise<void> {
  using file = await Deno.open(path, { write: true, createNew: true, mode: 0o640 });
  for (let written = 0; written < body.length;) {
    written += await file.write(body.subarray(written));
  }
  await file.syncData();
}

async function removeIfThere(path: string): Promise<void> {
  try {
    await Deno.remove(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}
