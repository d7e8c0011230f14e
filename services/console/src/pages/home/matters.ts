/** What needs the owner, the most urgent first; pure. */

import { standingOf } from "../../format/standings";
import type { Backup } from "../../queries/backups";
import type { Instance } from "../../queries/instances";
import type { InvoiceSummary } from "../../queries/invoices";
import type { Quota } from "../../queries/quota";
import type { Restore } from "../../queries/restores";

export type Matter =
  | { kind: "password"; restore: Restore }
  | { kind: BackupKind; backup: Backup }
  | { kind: "suspended" | "restricted" | "reminded"; invoices: readonly InvoiceSummary[] }
  | { kind: "full" | "nearlyFull"; quota: Quota }
  | { kind: "errored" | "restoreError" | "activation"; instance: Instance }
  | { kind: "name" };

type BackupKind = "damaged" | "overdue" | "empty" | "deleting";
export type MatterKind = Matter["kind"];
/** Something stands still or is lost; something will if nothing is done; something to know. */
export type Level = "urgent" | "soon" | "note";

/** What each service told; undefined where it has not. */
export interface Told {
  backups?: readonly Backup[] | undefined;
  quota?: Quota | undefined;
  /** Finalised ones; asked for in arrears only. */
  invoices?: readonly InvoiceSummary[] | undefined;
  restores?: readonly Restore[] | undefined;
  instances?: readonly Instance[] | undefined;
  nameIsProvisional: boolean;
  /** Milliseconds since 1970. */
  now: number;
}

/** In the order of their urgency. */
const LEVELS: Record<MatterKind, Level> = {
  password: "urgent",
  damaged: "urgent",
  suspended: "urgent",
  restricted: "urgent",
  full: "urgent",
  errored: "urgent",
  restoreError: "urgent",
  overdue: "soon",
  reminded: "soon",
  empty: "soon",
  nearlyFull: "soon",
  activation: "note",
  deleting: "note",
  name: "note",
};
const ORDER = Object.keys(LEVELS) as MatterKind[];
/** A first snapshot may take its time; after so long it is worth a look. */
const FIRST_SNAPSHOT_MS = 24 * 3_600_000;
const NEARLY = 0.9;

export function levelOf(kind: MatterKind): Level {
  return LEVELS[kind];
}

export function mattersOf(told: Told): Matter[] {
  const matters: Matter[] = [
    ...(told.restores ?? []).flatMap(ofRestore),
    ...(told.backups ?? []).flatMap((backup) => ofBackup(backup, told.now)),
    ...(told.quota ? ofQuota(told.quota, told.invoices ?? []) : []),
    ...(told.instances ?? []).flatMap(ofInstance),
    ...(told.nameIsProvisional ? [{ kind: "name" } as const] : []),
  ];
  return matters.sort((a, b) => ORDER.indexOf(a.kind) - ORDER.indexOf(b.kind) || sinceOf(a).localeCompare(sinceOf(b)));
}

export function isOfBackup(matter: Matter): matter is { kind: BackupKind; backup: Backup } {
  return "backup" in matter;
}

function ofRestore(restore: Restore): Matter[] {
  return restore.actions.includes("enter_password") && restore.state === "awaiting_password"
    ? [{ kind: "password", restore }]
    : [];
}

function ofBackup(backup: Backup, now: number): Matter[] {
  const standing = standingOf(backup);
  if (standing === "deleting") return [{ kind: "deleting", backup }];
  if (backup.state !== "active") return [];
  if (backup.newest_is_damaged) return [{ kind: "damaged", backup }];
  if (standing === "overdue") return [{ kind: "overdue", backup }];
  const isLate =
    standing === "empty" && backup.stopped_at === null && Date.parse(backup.created_at) + FIRST_SNAPSHOT_MS < now;
  return isLate ? [{ kind: "empty", backup }] : [];
}

function ofQuota(quota: Quota, invoices: readonly InvoiceSummary[]): Matter[] {
  const matters: Matter[] = [];
  if (quota.standing !== "current") matters.push({ kind: quota.standing, invoices });
  if (!quota.can_backup && quota.reason === "over_limit") matters.push({ kind: "full", quota });
  else if (quota.can_backup && quota.used_bytes > quota.limit_bytes * NEARLY)
    matters.push({ kind: "nearlyFull", quota });
  return matters;
}

function ofInstance(instance: Instance): Matter[] {
  // An operator is told already, and the owner need not do anything.
  if (instance.needs_operator) return [];
  switch (instance.status) {
    case "errored":
      return [{ kind: "errored", instance }];
    case "restore_error":
      return [{ kind: "restoreError", instance }];
    case "pending_activation":
      return [{ kind: "activation", instance }];
    default:
      return [];
  }
}

/** Of two of a kind the one that waits longer, or ends sooner, comes first. */
function sinceOf(matter: Matter): string {
  switch (matter.kind) {
    case "password":
      return matter.restore.expires_at ?? "";
    case "deleting":
      return matter.backup.delete_due_at ?? "";
    case "empty":
      return matter.backup.created_at;
    case "damaged":
    case "overdue":
      return matter.backup.latest_snapshot_at ?? "";
    case "errored":
    case "restoreError":
    case "activation":
      return matter.instance.updated_at;
    default:
      return "";
  }
}
