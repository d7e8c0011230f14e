/** Backups by the Terminus whose they are; pure. */
import { type Standing, standingOf } from "../../format/standings";
import type { Backup } from "../../queries/backups";
import type { Terminus } from "../../queries/terminus";

export interface Group {
  /** Null for what is of no Terminus. */
  terminusId: string | null;
  name: string | null;
  /** Those that need a look first, then the newest snapshot. */
  backups: Backup[];
}

const FIRST: readonly Standing[] = ["overdue", "empty", "fine", "deleting", "stopped", "removing", "deleted"];

/** Each Terminus, also one of which nothing is backed up, and at the end what is of none. */
export function groupsOf(backups: readonly Backup[], terminus: readonly Terminus[]): Group[] {
  const groups = new Map<string | null, Group>(
    terminus.map(({ terminus_id, name }) => [terminus_id, { terminusId: terminus_id, name, backups: [] }]),
  );
  for (const backup of backups) {
    const group = groups.get(backup.terminus_id) ?? {
      terminusId: backup.terminus_id,
      name: backup.terminus_name,
      backups: [],
    };
    groups.set(backup.terminus_id, group);
    group.backups.push(backup);
  }
  const ofNone = groups.get(null);
  groups.delete(null);
  const all = ofNone ? [...groups.values(), ofNone] : [...groups.values()];
  for (const group of all) group.backups.sort(byNeed);
  return all;
}

function byNeed(a: Backup, b: Backup): number {
  return (
    placeOf(a) - placeOf(b) ||
    Date.parse(b.latest_snapshot_at ?? b.created_at) - Date.parse(a.latest_snapshot_at ?? a.created_at)
  );
}

function placeOf(backup: Backup): number {
  return backup.state === "active" && backup.newest_is_damaged ? -1 : FIRST.indexOf(standingOf(backup));
}
