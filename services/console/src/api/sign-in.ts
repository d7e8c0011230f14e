/** The ways in: a one-time link, and a code that LarePass scans. */
import { clientName } from "./client-name";
import type { components } from "./generated/identity";
import { begin, inTurn, postAuth, type Tokens } from "./session";

export type Code = components["schemas"]["QrRead"];

const client_name = clientName(navigator.userAgent);

/**
 * Sign this browser in by the secret of a link.
 *
 * @throws Problem `link_invalid`: it is unknown, used or too old
 */
export function redeemLink(secret: string): Promise<void> {
  return inTurn(async () => begin(await postAuth<Tokens>("links/redeem", { secret, client_name })));
}

/** A new code; the one that this browser showed before signs nobody in any more. */
export function newCode(): Promise<Code> {
  return inTurn(() => postAuth<Code>("qr", { client_name }));
}

/**
 * Sign this browser in if its code was scanned; whether it was.
 *
 * @throws Problem `sign_in_expired`: its code is too old, or taken
 */
export function checkCode(): Promise<boolean> {
  return inTurn(async () => {
    const { signed_in } = await postAuth<components["schemas"]["QrChecked"]>("qr/check", {});
    if (signed_in) begin(signed_in);
    return signed_in !== null;
  });
}
