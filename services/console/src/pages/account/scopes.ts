import { t } from "../../messages";
import type { Scope } from "../../queries/account";

/** What a token can be given; changing the account is for people. */
export const SCOPES = Object.keys(t.account.scopes) as (keyof typeof t.account.scopes)[];

export function nameOfScope(scope: Scope): string {
  return scope === "account:write" ? scope : t.account.scopes[scope];
}
