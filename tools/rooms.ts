/**
 * The dependency rules of the house, proved on every `deno task check`: dependencies point down, a
 * room is entered through its alias, and no path leads out of a room.
 */

/** Each room with the rooms that it may import, beside itself. `*` may import everything. */
export const ROOMS: Readonly<Record<string, readonly string[] | "*">> = {
  envelope: [],
  telemetry: [],
  config: ["envelope"],
  transport: ["envelope", "telemetry", "config"],
  plugins: ["envelope", "telemetry", "config"],
  manifest: ["envelope", "telemetry", "config"],
  sidecar: ["envelope", "telemetry", "config", "transport", "plugins"],
  gateway: ["envelope", "telemetry", "config", "transport"],
  operator: ["envelope", "telemetry", "config", "transport", "manifest"],
  crew: ["envelope", "telemetry", "config", "transport", "plugins", "sidecar"],
  local: "*",
  deploy: "*",
  cli: "*",
};

const IMPORT = /(?:^|\n)\s*(?:import|export)\s[^"';]*?from\s*"([^"]+)"|import\(\s*"([^"]+)"\s*\)/g;

/** The specifiers that a module imports or re-exports, in their order. */
export function importsOf(source: string): string[] {
  const code = source.replaceAll(/^\s*(\*|\/\/).*$/gm, "");
  return [...code.matchAll(IMPORT)].map((match) => (match[1] ?? match[2])!);
}

/** Resolves a relative specifier against a file's path, both from the root of the house. */
function resolve(file: string, specifier: string): string {
  const parts = file.split("/").slice(0, -1);
  for (const part of specifier.split("/")) {
    if (part === "..") parts.length === 0 ? parts.push("..") : parts.pop();
    else if (part !== ".") parts.push(part);
  }
  return parts.join("/");
}

/** What one file does against the rules, one sentence a problem. */
export function roomProblems(file: string, source: string): string[] {
  const room = file.split("/")[0]!;
  const allowed = ROOMS[room];
  if (allowed === undefined) return [];
  const problems: string[] = [];
  for (const specifier of importsOf(source)) {
    if (specifier.startsWith(".") && !resolve(file, specifier).startsWith(`${room}/`)) {
      problems.push(`${file}: "${specifier}" leads out of the room; use "@asya/<room>"`);
    }
    const other = /^@asya\/([a-z]+)$/.exec(specifier)?.[1];
    if (specifier.startsWith("@asya/") && other === undefined) {
      problems.push(`${file}: "${specifier}" enters a room beside its mod.ts`);
    }
    if (other === room) {
      problems.push(`${file}: "${specifier}" is its own room; use a relative path`);
    }
    if (other !== undefined && other !== room && allowed !== "*" && !allowed.includes(other)) {
      problems.push(`${file}: ${room} must not import ${other}`);
    }
  }
  return problems;
}
