import { infiniteQueryOptions, queryOptions } from "@tanstack/react-query";
import { answerOf, catalog } from "../api/client";
import type { components } from "../api/generated/catalog";
import { POLL_MS } from "./client";

export type Snapshot = components["schemas"]["SnapshotRead"];
export type SnapshotStatus = components["schemas"]["Status"];

const PAGE = 20;

/** What can be restored, newest first. */
export function snapshotsQuery(backupId: string) {
  return infiniteQueryOptions({
    queryKey: ["catalog", "snapshots", "list", backupId],
    queryFn: ({ signal, pageParam }) => {
      const params = { path: { backup_id: backupId }, query: { limit: PAGE, cursor: pageParam } };
      return answerOf(catalog.GET("/api/v1/backups/{backup_id}/snapshots", { params, signal }));
    },
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next_cursor,
    refetchInterval: POLL_MS,
  });
}

/** The newest of those that are not there yet, or not as they should be. */
export function doubtfulSnapshotsQuery(backupId: string) {
  return queryOptions({
    queryKey: ["catalog", "snapshots", "doubtful", backupId],
    queryFn: async ({ signal }) => {
      const status: SnapshotStatus[] = ["pending", "damaged"];
      const params = { path: { backup_id: backupId }, query: { status, limit: 100 } };
      return (await answerOf(catalog.GET("/api/v1/backups/{backup_id}/snapshots", { params, signal }))).items;
    },
    refetchInterval: POLL_MS,
  });
}

/** One snapshot, whatever its status. */
export function snapshotQuery(snapshotId: string) {
  return queryOptions({
    queryKey: ["catalog", "snapshots", "one", snapshotId],
    queryFn: ({ signal }) =>
      answerOf(
        catalog.GET("/api/v1/snapshots/{snapshot_id}", { params: { path: { snapshot_id: snapshotId } }, signal }),
      ),
  });
}
