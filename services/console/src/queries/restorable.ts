/** What of a backup is needed to restore it. */
import { queryOptions } from "@tanstack/react-query";
import { answerOf, catalog } from "../api/client";
import type { components } from "../api/generated/catalog";

export type Backup = components["schemas"]["BackupRead"];
export type Snapshot = components["schemas"]["SnapshotRead"];

export function restorableBackupQuery(backupId: string) {
  return queryOptions({
    queryKey: ["catalog", "restorable", backupId, "backup"],
    queryFn: ({ signal }) =>
      answerOf(catalog.GET("/api/v1/backups/{backup_id}", { params: { path: { backup_id: backupId } }, signal })),
  });
}

/** Its successful snapshots, newest first; the newest hundred. */
export function restorableSnapshotsQuery(backupId: string) {
  return queryOptions({
    queryKey: ["catalog", "restorable", backupId, "snapshots"],
    queryFn: async ({ signal }) => {
      const query = { status: ["successful" as const], limit: 100 };
      const params = { path: { backup_id: backupId }, query };
      return (await answerOf(catalog.GET("/api/v1/backups/{backup_id}/snapshots", { params, signal }))).items;
    },
  });
}

/** restic's key files in base64, for checking a password in this browser. Each reading is noted, and limited. */
export function keyFilesQuery(backupId: string) {
  return queryOptions({
    queryKey: ["catalog", "key-files", backupId],
    queryFn: async ({ signal }) => {
      const params = { path: { backup_id: backupId } };
      const { key_files } = await answerOf(catalog.GET("/api/v1/backups/{backup_id}/key-files", { params, signal }));
      return key_files.map(({ content }) => content);
    },
    staleTime: 300_000,
    gcTime: 300_000,
    retry: false,
  });
}
