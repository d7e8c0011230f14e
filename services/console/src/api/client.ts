/** The services, by the types of their documents. Every call is signed in, and every refusal is a {@link Problem}. */
import createClient, { type Client } from "openapi-fetch";
import type { paths as BillingPaths } from "./generated/billing";
import type { paths as CatalogPaths } from "./generated/catalog";
import type { paths as IdentityPaths } from "./generated/identity";
import type { paths as ProvisioningPaths } from "./generated/provisioning";
import type { paths as RestorePaths } from "./generated/restore";
import { problemOf } from "./problem";
import { accessToken, send } from "./session";

export const identity: Client<IdentityPaths> = createClient({ fetch: authorised });
export const catalog: Client<CatalogPaths> = createClient({ fetch: authorised });
export const billing: Client<BillingPaths> = createClient({ fetch: authorised });
export const provisioning: Client<ProvisioningPaths> = createClient({ fetch: authorised });
export const restores: Client<RestorePaths> = createClient({ fetch: authorised });

type Outcome<Data> = { data?: Data; error?: unknown; response: Response };

/**
 * What a call answered.
 *
 * @throws Problem whatever went wrong
 */
export async function answerOf<Data>(call: Promise<Outcome<Data>>): Promise<Data> {
  const { data, error, response } = await call;
  if (!response.ok) throw problemOf(error, response);
  return data as Data;
}

/** A request with the token of the session, sent once more where the token turned out to have ended. */
export async function authorised(request: Request): Promise<Response> {
  const again = request.clone();
  const token = await accessToken();
  const response = await send(signed(request, token));
  if (response.status !== 401) return response;
  return send(signed(again, await accessToken(token)));
}

function signed(request: Request, token: string): Request {
  const headers = new Headers(request.headers);
  headers.set("Authorization", `Bearer ${token}`);
  return new Request(request, { headers });
}
