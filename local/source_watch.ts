/** Tells which source files changed: the burst of events that one save makes becomes one call. */

/** An editor's save is over this long after its last event. */
const QUIET_MS = 60;
/** Files that make a difference; a name without a dot may be a new folder. */
const SOURCE = /(\.(py|ya?ml|wasm|[cm]?[jt]s)|\/[^./]+)$/;

/** Watches folders, not what is below them, so that a busy database next to the code costs nothing. */
export class SourceWatch {
  #watcher: Deno.FsWatcher | undefined;
  #folders = "";
  #changed = new Set<string>();
  #timer: ReturnType<typeof setTimeout> | undefined;
  readonly #onChange: (paths: ReadonlySet<string>) => void;

  /** @param onChange receives absolute paths; also called when a file went away */
  constructor(onChange: (paths: ReadonlySet<string>) => void) {
    this.#onChange = onChange;
  }

  /** Watches these folders instead of those before; nothing that happens meanwhile is missed. */
  follow(folders: readonly string[]): void {
    const wanted = [...new Set(folders)].sort();
    const key = wanted.join("\n");
    if (key === this.#folders) return;
    const before = this.#watcher;
    this.#watcher = Deno.watchFs(wanted, { recursive: false });
    this.#folders = key;
    before?.close();
    void this.#listen(this.#watcher);
  }

  close(): void {
    this.#watcher?.close();
    this.#watcher = undefined;
    clearTimeout(this.#timer);
  }

  async #listen(watcher: Deno.FsWatcher): Promise<void> {
    for await (const { kind, paths } of watcher) {
      if (kind === "access" || watcher !== this.#watcher) continue;
      const sources = paths.filter((path) => SOURCE.test(path));
      if (sources.length === 0) continue;
      for (const path of sources) this.#changed.add(path);
      clearTimeout(this.#timer);
      this.#timer = setTimeout(() => this.#tell(), QUIET_MS);
    }
  }

  #tell(): void {
    const changed = this.#changed;
    this.#changed = new Set();
    this.#onChange(changed);
  }
}
