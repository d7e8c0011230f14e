/** What services answer, in all that tests of this page do not care about. */
import type { Backup } from "../../queries/backups";
import type { Instance } from "../../queries/instances";
import type { Quota } from "../../queries/quota";
import type { Restore } from "../../queries/restores";

export const NOW = Date.parse("2026-11-24T12:00:00Z");

export function hoursAgo(hours: number): string {
  return new Date(NOW - hours * 3_600_000).toISOString();
}

export function backup(some: Partial<Backup> = {}): Backup {
  return {
    backup_id: some.name ?? "photos",
    name: "photos",
    terminus_id: null,
    terminus_name: null,
    kind: "path",
    path: "/home/alice/photos",
    app: null,
    state: "active",
    created_at: hoursAgo(1000),
    first_snapshot_at: hoursAgo(999),
    latest_snapshot_at: hoursAgo(2),
    latest_snapshot_id: "a snapshot",
    snapshot_count: 4,
    storage_bytes: 1000,
    measured_at: hoursAgo(1),
    usual_interval_seconds: 86_400,
    overdue: false,
    newest_is_damaged: false,
    delete_due_at: null,
    stopped_at: null,
    device_backup_id: null,
    discovered: false,
    repository: "a repository",
    ...some,
  };
}

export function emptyBackup(some: Partial<Backup> = {}): Backup {
  return backup({ snapshot_count: 0, latest_snapshot_at: null, latest_snapshot_id: null, ...some });
}

export function quota(some: Partial<Quota> = {}): Quota {
  return {
    allowance_bytes: 1000,
    counted_terminus: 1,
    used_bytes: 100,
    reserved_bytes: 0,
    limit_bytes: 1000,
    left_bytes: 900,
    can_backup: true,
    reason: null,
    standing: "current",
    spend_limit: null,
    spent: { amount_minor: 0, currency: "USD" },
    has_payment_method: false,
    explanation: "",
    ...some,
  };
}

export function restore(some: Partial<Restore>): Restore {
  return { restore_id: "restore", backup_name: "photos", actions: [], expires_at: null, ...some } as Restore;
}

export function instance(some: Partial<Instance>): Instance {
  return {
    instance_id: some.name ?? "cloud",
    name: "cloud",
    needs_operator: false,
    reason: null,
    updated_at: hoursAgo(1),
    ...some,
  } as Instance;
}
