/** The command that adds a snapshot to a backup. */
import type { Backup } from "../../queries/backups";

/** Null where `space` does not make its snapshots: an Olares device does, or nobody here knows what was backed up. */
export function commandOf({ path, name, device_backup_id }: Backup): string | null {
  if (path === null || device_backup_id !== null) return null;
  return `space backup ${quoted(path)} --name ${quoted(name)}`;
}

/** A word for a shell, whatever is in it. */
export function quoted(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'"'"'`)}'`;
}
