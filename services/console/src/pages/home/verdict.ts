/** "Am I safe?", in one answer; pure. */
import { standingOf } from "../../format/standings";
import type { Backup } from "../../queries/backups";
import { isOfBackup, levelOf, type Matter } from "./matters";

export type Verdict =
  /** Each backup that goes on has a snapshot, and none is late. */
  | { kind: "safe"; newest: string }
  /** `isUrgent`: something stands still or is lost already. */
  | { kind: "needs"; backups: number; others: number; isUrgent: boolean }
  /** First snapshots that are not there yet, which is no wonder. */
  | { kind: "waiting"; count: number; newest: string | null }
  /** What is there stays, and nothing is added to it. */
  | { kind: "ended"; newest: string | null }
  | { kind: "nothing" };

export function verdictOf(backups: readonly Backup[], matters: readonly Matter[]): Verdict {
  if (backups.length === 0 && !matters.some(needsSomebody)) return { kind: "nothing" };
  const needing = matters.filter(needsSomebody);
  if (needing.length > 0) {
    const ofBackups = needing.filter(isOfBackup).length;
    const isUrgent = needing.some(({ kind }) => levelOf(kind) === "urgent");
    return { kind: "needs", backups: ofBackups, others: needing.length - ofBackups, isUrgent };
  }

  const newest = newestOf(backups);
  const waiting = backups.filter((backup) => standingOf(backup) === "empty" && backup.stopped_at === null).length;
  if (waiting > 0) return { kind: "waiting", count: waiting, newest };
  if (newest === null || !backups.some((backup) => standingOf(backup) === "fine")) return { kind: "ended", newest };
  return { kind: "safe", newest };
}

function needsSomebody({ kind }: Matter): boolean {
  return levelOf(kind) !== "note";
}

/** The latest snapshot of any backup that stays. */
function newestOf(backups: readonly Backup[]): string | null {
  const times = backups.flatMap(({ state, latest_snapshot_at }) =>
    state === "active" && latest_snapshot_at !== null ? [latest_snapshot_at] : [],
  );
  return times.reduce<string | null>(
    (newest, time) => (newest === null || Date.parse(time) > Date.parse(newest) ? time : newest),
    null,
  );
}
