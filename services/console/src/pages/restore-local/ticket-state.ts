/** What a ticket is good for, by its own time and by how far its restore has come. */
import type { Restore } from "../../queries/restores";

export type TicketState = "good" | "over" | "cancelled" | "working" | "failed" | "completed";

/** @param state - Of the restore; undefined while it is not known. */
export function stateOf(expiresAt: string, state: Restore["state"] | undefined, now: number): TicketState {
  switch (state) {
    case "completed":
    case "failed":
    case "cancelled":
      return state;
    case "expired":
      return "over";
    case undefined:
    case "ready":
      return now < Date.parse(expiresAt) ? "good" : "over";
    default:
      return "working";
  }
}
