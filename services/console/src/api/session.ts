/**
 * Being signed in. The access token lives in this tab's memory; what renews it is a cookie that no script can read.
 * Tabs renew and sign out one at a time, because the cookie is replaced by each renewal.
 */
import type { components } from "./generated/identity";
import { Problem, problemOf } from "./problem";

export type Tokens = components["schemas"]["ConsoleTokensRead"];
export type Owner = components["schemas"]["OwnerRead"];
export type Session =
  | { state: "unknown" }
  /** `asked`: by the owner, in this tab or another; `ended`: the session was, from elsewhere or by its age. */
  | { state: "signed-out"; because: "never" | "asked" | "ended" }
  | { state: "signed-in"; owner: Owner };

type Told = { told: "signed-out" } | { told: "signed-in"; ownerId: string };

const MARGIN_MS = 30_000;
/** Tabs wait for each other, so none may wait for an answer for ever. */
const LONGEST_WAIT_MS = 30_000;
const LOCK = "space-session";
const channel = new BroadcastChannel("space-session");

let session: Session = { state: "unknown" };
let token: { value: string; renewAt: number } | null = null;
let renewing: Promise<string> | null = null;
const listeners = new Set<() => void>();

export const sessionStore = {
  subscribe(listener: () => void): () => void {
    listeners.add(listener);
    return () => listeners.delete(listener);
  },
  read: (): Session => session,
};

channel.onmessage = ({ data }: MessageEvent<Told>) => {
  if (data.told === "signed-out") forget("asked");
  else if (isOfAnother(data.ownerId)) beginAnew();
  else if (session.state !== "signed-in") resume().catch(() => {});
};

/** Take up the session that the cookie stands for, if there is one. */
export async function resume(): Promise<void> {
  try {
    await accessToken();
  } catch (error) {
    if (session.state !== "signed-out") throw error;
  }
}

/** The tokens of a sign-in just made in this tab, by a request made {@link inTurn}. */
export function begin(tokens: Tokens): void {
  keep(tokens);
  tell({ told: "signed-in", ownerId: tokens.owner.owner_id });
}

/**
 * End the session of this browser.
 *
 * @throws Problem if it could not be ended; one is signed in as before then
 */
export function signOut(): Promise<void> {
  // A renewal that is under way would bring a session back that has just been ended.
  return inTurn(async () => {
    await postAuth("logout", {});
    forget("asked");
    tell({ told: "signed-out" });
  });
}

/** The owner as they are now, after they changed something about themselves. */
export function renewOwner(owner: Owner): void {
  if (session.state === "signed-in") change({ state: "signed-in", owner });
}

/** A token that is good for a request made now. `refused` is one that was just answered with 401. */
export async function accessToken(refused?: string): Promise<string> {
  if (token && token.value !== refused && Date.now() < token.renewAt) return token.value;
  renewing ??= renew().finally(() => {
    renewing = null;
  });
  return renewing;
}

/** Do what replaces the cookie while no other tab does. */
export async function inTurn<Result>(work: () => Promise<Result>): Promise<Result> {
  return navigator.locks.request(LOCK, work);
}

/**
 * Ask identity's console endpoints, which know the browser by its cookies.
 *
 * @throws Problem
 */
export async function postAuth<Answer>(path: string, body: Record<string, unknown>): Promise<Answer> {
  const response = await send(`/api/v1/auth/console/${path}`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(LONGEST_WAIT_MS),
  });
  if (response.status === 204) return undefined as Answer;
  const answer: unknown = await response.json().catch(() => null);
  if (!response.ok) throw problemOf(answer, response);
  return answer as Answer;
}

/** fetch, whose failure to reach anybody is a problem like any other. */
export async function send(input: RequestInfo | URL, init?: RequestInit): Promise<Response> {
  try {
    return await fetch(input, { ...init, credentials: "same-origin", redirect: "error" });
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw new Problem("offline", "", 0);
  }
}

function renew(): Promise<string> {
  return inTurn(async () => {
    try {
      return keep(await postAuth<Tokens>("refresh", {}));
    } catch (error) {
      if (error instanceof Problem && error.status === 401) forget(error.code === "not_signed_in" ? "never" : "ended");
      throw error;
    }
  });
}

function keep(tokens: Tokens): string {
  if (isOfAnother(tokens.owner.owner_id)) {
    beginAnew();
    throw new Problem("offline", "", 0);
  }
  token = { value: tokens.access_token, renewAt: Date.now() + tokens.expires_in * 1000 - MARGIN_MS };
  change({ state: "signed-in", owner: tokens.owner });
  return token.value;
}

function forget(because: "never" | "asked" | "ended"): void {
  token = null;
  if (session.state === "signed-out") return;
  // Without its cookie a session that was there has ended, whatever took the cookie away.
  change({ state: "signed-out", because: session.state === "signed-in" && because === "never" ? "ended" : because });
}

function isOfAnother(ownerId: string): boolean {
  return session.state === "signed-in" && session.owner.owner_id !== ownerId;
}

/** Somebody else is signed in by now: nothing of the one before may stay, in no page and no memory. */
function beginAnew(): void {
  token = null;
  change({ state: "unknown" });
  location.replace("/");
}

function tell(told: Told): void {
  channel.postMessage(told);
}

function change(next: Session): void {
  session = next;
  for (const listener of listeners) listener();
}
