/** The guard of a gateway, as its settings say. */

import type { Logger } from "@asya/telemetry";
import type { GuardOptions } from "../guard.ts";
import type { GatewaySettings } from "../settings.ts";
import { openKeyStore } from "../store/open_keys.ts";
import { StoreUnavailable } from "../store/store.ts";
import type { Authentication } from "./authenticate.ts";
import type { KeyStore } from "./key_store.ts";
import { Keys } from "./keys.ts";
import { tokensFromFile } from "./mesh.ts";
import { noWayIn, type Policy, readPolicy } from "./policy.ts";
import { Tokens } from "./tokens.ts";

/** Keys that are looked through for one that is good. */
const MAX_LOOKED = 1_000;

/** A guard, and what it holds open. */
export interface OpenGuard {
  readonly guard: GuardOptions;
  /** Tokens of the sidecars; absent: they need none. */
  readonly meshTokens?: () => readonly string[];
  close(): Promise<void>;
}

/** Whether anybody has a key that is good; `undefined` where the store is away. */
async function hasKey(keys: KeyStore, now: number): Promise<boolean | undefined> {
  try {
    const found = await keys.list(MAX_LOOKED);
    return found.some(({ revokedAt, expiresAt = Infinity }) =>
      revokedAt === undefined && expiresAt > now
    );
  } catch (error) {
    if (error instanceof StoreUnavailable) return undefined;
    throw error;
  }
}

async function openKeys(settings: GatewaySettings, policy: Policy, log: Logger): Promise<KeyStore> {
  const keys = openKeyStore(settings);
  if (policy.oauth !== undefined || await hasKey(keys, Date.now()) !== false) return keys;
  if (policy.needsKey) {
    await keys.close();
    throw noWayIn();
  }
  log.warn("there is no API key yet, nobody can call: make one with `asya keys create`");
  return keys;
}

/**
 * Opens it.
 *
 * @param loopback it listens on this machine only
 * @throws SettingsError where the settings contradict each other, or nobody could come in
 */
export async function openGuard(
  settings: GatewaySettings,
  { loopback, log }: { readonly loopback: boolean; readonly log: Logger },
): Promise<OpenGuard> {
  const policy = readPolicy({ ...settings, loopback });
  const { meshTokenFile, rate, concurrent, hosts, origins, hsts } = settings;
  const mesh = meshTokenFile === undefined ? {} : { meshTokens: tokensFromFile(meshTokenFile) };
  const guard: GuardOptions = {
    limits: { rate, concurrent },
    ...hosts === undefined ? {} : { hosts },
    ...origins === undefined ? {} : { origins },
    hsts,
  };
  if (!policy.guarded) {
    if (!loopback) log.warn("ASYA_GATEWAY_AUTH=off: whoever reaches this gateway may use it");
    return { guard, ...mesh, close: () => Promise.resolve() };
  }
  const keys = await openKeys(settings, policy, log);
  const { oauth: options } = policy;
  const authentication: Authentication = {
    keys: new Keys(keys, Date.now),
    ...options ? { oauth: { options, tokens: new Tokens(options, Date.now) } } : {},
  };
  return { guard: { ...guard, authentication }, ...mesh, close: () => keys.close() };
}
