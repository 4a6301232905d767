/** Which tools somebody may use: all, or those that are named. */

/** All tools, or these. */
export type Scope = "*" | ReadonlySet<string>;

/** Nothing at all. */
export const NO_TOOLS: Scope = new Set();

/** Whether a scope has the tool. */
export function allows(scope: Scope, tool: string): boolean {
  return scope === "*" || scope.has(tool);
}

/** A scope of names, of which `*` stands for all. */
export function scopeOf(names: Iterable<string>): Scope {
  const set = new Set(names);
  return set.has("*") ? "*" : set;
}

const PREFIX = "tools:";

/** How a tool, or `*`, is called in an OAuth scope: `tools:NAME`. */
export function scopeWord(tool: string): string {
  return `${PREFIX}${tool}`;
}

/** The tools in the words of an OAuth scope; other words mean nothing here. */
export function scopeOfWords(words: readonly string[]): Scope {
  return scopeOf(
    words.filter((word) => word.startsWith(PREFIX)).map((word) => word.slice(PREFIX.length)),
  );
}
