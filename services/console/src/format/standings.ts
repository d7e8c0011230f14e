/** How a backup stands, by the one thing about it that its owner should know first. */
import type { components } from "../api/generated/catalog";

type Told = Pick<components["schemas"]["BackupRead"], "state" | "overdue" | "stopped_at" | "snapshot_count">;
export type Standing = "fine" | "overdue" | "stopped" | "empty" | "deleting" | "removing" | "deleted";

export function standingOf({ state, overdue, stopped_at, snapshot_count }: Told): Standing {
  if (state !== "active") return state;
  if (overdue) return "overdue";
  if (snapshot_count === 0) return "empty";
  return stopped_at === null ? "fine" : "stopped";
}
