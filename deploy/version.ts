/** Versions as programs print them, such as `v1.34.4+k3s1` or `3.19.5`. */

function numbers(version: string): number[] {
  const found = /(\d+)\.(\d+)(?:\.(\d+))?/.exec(version);
  return found === null ? [] : found.slice(1).map((part) => Number(part ?? 0));
}

/** Whether a version is another or newer; one that cannot be read is taken to be. */
export function atLeast(version: string, oldest: string): boolean {
  const [have, need] = [numbers(version), numbers(oldest)];
  if (have.length === 0) return true;
  for (const [n, part] of need.entries()) {
    if (have[n] !== part) return have[n]! > part;
  }
  return true;
}

/** Without the `v`. */
export function versionText(version: string): string {
  return version.replace(/^v(?=\d)/, "");
}
