/** One sync of a folder for everybody who made a name in it meanwhile. */

/** Makes new names in a folder durable. */
export class FolderSync {
  #running: Promise<void> = Promise.resolve();
  #next: Promise<void> | undefined;

  /** The folder, which exists. */
  constructor(private readonly path: string) {}

  /** Resolves when every name that exists now is on disk. */
  sync(): Promise<void> {
    // A sync that runs already may have begun before our name was there; the one after it has not.
    // Whether that one fails is told to those who wait for it.
    return this.#next ??= this.#running.catch(() => {}).then(() => {
      this.#next = undefined;
      return this.#running = this.#sync();
    });
  }

  async #sync(): Promise<void> {
    using folder = await Deno.open(this.path, { read: true });
    await folder.sync();
  }
}
