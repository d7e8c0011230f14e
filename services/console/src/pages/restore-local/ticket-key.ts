/** Under which key a page asks for its ticket, so that loading it again makes no other one. */
import type { TicketWish } from "../../queries/tickets";

/** As long as a ticket that nobody uses. */
const LIFE_MS = 3_600_000;

type Kept = Pick<Storage, "getItem" | "setItem">;

/** The key of the ticket made for this wish in this tab within the hour, else a new one. */
export function keyOf(wish: TicketWish, kept: Kept, now: number): string {
  const [made, key] = (kept.getItem(nameOf(wish)) ?? "").split(" ");
  const age = now - Number(made);
  return key && age >= 0 && age < LIFE_MS ? key : newKey(wish, kept, now);
}

/** The key of another ticket for this wish. */
export function newKey(wish: TicketWish, kept: Kept, now: number): string {
  const key = crypto.randomUUID();
  try {
    kept.setItem(nameOf(wish), `${now} ${key}`);
  } catch {
    // Where nothing may be kept, loading the page again makes another ticket.
  }
  return key;
}

function nameOf({ backupId, snapshotId }: TicketWish): string {
  return `space-ticket ${snapshotId ?? backupId}`;
}
