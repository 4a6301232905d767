/** Whether callers are asked who they are, as a function of the settings. */

import { type Settings, SettingsError } from "@asya/config";
import type { ACCESS_SETTINGS } from "./settings.ts";
import type { OAuthOptions } from "./tokens.ts";

/** What the decision rests on. */
export interface PolicyInput extends
  Pick<
    Settings<typeof ACCESS_SETTINGS>,
    "auth" | "oauthIssuer" | "oauthAudience" | "oauthJwksUrl"
  > {
  /** It listens on this machine only. */
  readonly loopback: boolean;
  /** File with the token of the sidecars. */
  readonly meshTokenFile: string | undefined;
}

/** How a gateway treats who comes. */
export interface Policy {
  /** Callers need a key or a token, sidecars theirs. */
  readonly guarded: boolean;
  /** Whose tokens are taken. */
  readonly oauth?: OAuthOptions;
  /**
   * Nobody said that it shall be guarded, so one without a way in was forgotten rather than meant.
   */
  readonly needsKey: boolean;
}

/**
 * Off only where that is said, or where only this machine can come.
 *
 * @throws SettingsError where the settings contradict each other
 */
export function readPolicy(o: PolicyInput): Policy {
  const { auth, oauthIssuer: issuer, oauthAudience: audiences, oauthJwksUrl: jwksUrl } = o;
  const guarded = auth === undefined ? !o.loopback || issuer !== undefined : auth === "on";
  const problems: string[] = [];
  if (auth === "off" && issuer !== undefined) {
    problems.push("ASYA_GATEWAY_OAUTH_ISSUER is set, but ASYA_GATEWAY_AUTH=off: unset one of them");
  }
  if (issuer !== undefined && audiences === undefined) {
    problems.push(
      "ASYA_GATEWAY_OAUTH_AUDIENCE is not set: a token for somebody else must not do here",
    );
  }
  if (issuer === undefined && (audiences !== undefined || jwksUrl !== undefined)) {
    problems.push("ASYA_GATEWAY_OAUTH_ISSUER is not set, but other ASYA_GATEWAY_OAUTH_* are");
  }
  if (guarded && o.meshTokenFile === undefined) {
    problems.push(
      "ASYA_MESH_TOKEN_FILE is not set: without the sidecars' token anybody could report results. " +
        "Give gateway, sidecars and crew a file with one (ASYA_GATEWAY_AUTH=off: nobody is asked)",
    );
  }
  if (problems.length > 0) throw new SettingsError(problems);
  return {
    guarded,
    needsKey: guarded && auth === undefined && issuer === undefined,
    ...issuer !== undefined && audiences !== undefined
      ? { oauth: { issuer, audiences, jwksUrl } }
      : {},
  };
}

/** Nobody could come in: there is no key, and no tokens are taken. */
export function noWayIn(): SettingsError {
  return new SettingsError([
    "ASYA_GATEWAY_AUTH: callers need an API key, and there is none yet. " +
    "Make one with `asya keys create NAME --tools '*'` on this store (same ASYA_DATABASE_URL or " +
    "ASYA_SQLITE_PATH), or set ASYA_GATEWAY_OAUTH_ISSUER and ASYA_GATEWAY_OAUTH_AUDIENCE, or set " +
    "ASYA_GATEWAY_AUTH=on to start without, or ASYA_GATEWAY_AUTH=off to let everybody in",
  ]);
}
