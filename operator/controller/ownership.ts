/** Whose an object is: an actor's, the operator's, or somebody else's. */

import type { KubeObject, ObjectMeta } from "../kube/object.ts";
import type { Resource } from "../kube/resources.ts";
import { resourceOf } from "../kube/resources.ts";
import { storeKey } from "../kube/store.ts";

/** Every object that the operator makes has it. */
export const MANAGED = "app.kubernetes.io/managed-by=asya-operator";

/** Names the actor that an object or a pod belongs to. */
export const ACTOR_LABEL = "asya.sh/actor";

/** The actor that an object belongs to by its label, as `namespace/name`. */
export function actorKeyOf({ metadata: { namespace = "", labels } }: KubeObject) {
  const actor = labels?.[ACTOR_LABEL];
  return actor === undefined ? undefined : `${namespace}/${actor}`;
}

/** Whether an object was made for this very actor. */
export function isOwnedBy(object: KubeObject, owner: Pick<ObjectMeta, "uid">): boolean {
  return owner.uid !== undefined &&
    (object.metadata.ownerReferences?.some(({ uid }) => uid === owner.uid) ?? false);
}

/** An object has the name that one of the actor's is to have, and is not the actor's. */
export class NameTaken extends Error {
  /** The class's name. */
  override readonly name = "NameTaken";
  /** For programs. */
  readonly code = "name_taken";
}

/** Says whose the object is that is in the way. @throws NameTaken when it is not the actor's */
export function checkOwner(live: KubeObject, owner: KubeObject): void {
  if (isOwnedBy(live, owner.metadata)) return;
  const what = `${live.kind} ${storeKey(live)}`;
  const of = live.metadata.ownerReferences?.find(({ kind }) => kind === owner.kind);
  throw new NameTaken(
    of?.name === owner.metadata.name
      ? `${what} of the actor's predecessor is still being deleted; waiting for it`
      : `${what} is there already and is not this actor's: delete it, or rename the actor`,
  );
}

/** An actor's objects that are not wanted any more. */
export function superfluous(
  live: readonly KubeObject[],
  wanted: readonly KubeObject[],
  owner: KubeObject,
): { readonly resource: Resource; readonly object: KubeObject }[] {
  const kept = new Set(wanted.map(nameOf));
  return live
    .filter((object) => isOwnedBy(object, owner.metadata) && !kept.has(nameOf(object)))
    .filter(({ metadata }) => metadata.deletionTimestamp === undefined)
    .map((object) => ({ resource: resourceOf(object), object }));
}

function nameOf({ kind, metadata: { name } }: KubeObject): string {
  return `${kind}/${name}`;
}
