/** References to artifacts in a registry: `oci://registry/repo[:tag][@sha256:...]`. */

import { SourceError } from "../source.ts";

/** A parsed reference. */
export interface OciReference {
  /** Host, with a port where one was given. */
  readonly registry: string;
  /** Path of the repository, e.g. `team/redactor`. */
  readonly repository: string;
  /** `latest` where neither tag nor digest was given. */
  readonly tag?: string;
  /** SHA-256 of the manifest or index, in hex; it pins, whatever the tag. */
  readonly digest?: string;
}

const MAX_LENGTH = 1_024;

const PARTS =
  /^oci:\/\/(?<registry>[A-Za-z0-9.-]+(?::\d{1,5})?|\[[0-9a-f:]+\](?::\d{1,5})?)\/(?<repository>[^:@]+)(?::(?<tag>[^:@]+))?(?:@(?<digest>.+))?$/i;

const REPOSITORY = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*$/;
const TAG = /^\w[\w.-]{0,127}$/;
const DIGEST = /^sha256:([0-9a-f]{64})$/;

const FORM = "oci://registry/repository:tag or oci://registry/repository@sha256:<64 hex digits>";

/**
 * Parses a reference.
 *
 * @throws SourceError `bad_reference`
 */
export function parseOciReference(text: string): OciReference {
  const parts = PARTS.exec(text.slice(0, MAX_LENGTH))?.groups ?? {};
  const { registry, repository, tag, digest } = parts;
  const named = repository?.split("/").every((part) => REPOSITORY.test(part)) ?? false;
  const pinned = digest === undefined ? undefined : DIGEST.exec(digest)?.[1];
  const wrong = text.length > MAX_LENGTH || !named || tag !== undefined && !TAG.test(tag) ||
    digest !== undefined && pinned === undefined;
  if (registry === undefined || repository === undefined || wrong) {
    throw new SourceError("bad_reference", `${masked(text)}: not of the form ${FORM}`);
  }
  const isLatest = tag === undefined && pinned === undefined;
  return {
    registry: registry.toLowerCase(),
    repository,
    ...(tag !== undefined ? { tag } : isLatest ? { tag: "latest" } : {}),
    ...(pinned !== undefined ? { digest: pinned } : {}),
  };
}

/** A reference that does not parse, without what may be a password in front of its host. */
function masked(text: string): string {
  return text.slice(0, MAX_LENGTH).replace(/^([a-z]+:\/\/).*@(?!sha256:)/i, "$1***@");
}
