import {
  type InfiniteData,
  infiniteQueryOptions,
  keepPreviousData,
  type QueryClient,
  queryOptions,
  useMutation,
  useQueryClient,
} from "@tanstack/react-query";
import { answerOf, catalog } from "../api/client";
import type { components } from "../api/generated/catalog";
import { POLL_MS, queryClient } from "./client";

export type Backup = components["schemas"]["BackupRead"];
export type BackupState = components["schemas"]["State"];
export type BackupSort = components["schemas"]["Sort"];
export type UsageLevel = components["schemas"]["UsageRead"];
type BackupPage = components["schemas"]["Page_BackupRead_"];

export interface BackupFilter {
  search?: string;
  terminus_id?: string;
  state?: BackupState;
  overdue?: boolean;
  sort?: BackupSort;
}

const PAGE = 25;
const LARGEST_PAGE = 100;
/** How many levels a chart shows at most. */
const CHART_POINTS = 300;
const LISTS = ["catalog", "backups", "list"] as const;

/** All but deleted ones unless a state is asked for. What was found before stays until the answer is there. */
export function backupsQuery(filter: BackupFilter) {
  return infiniteQueryOptions({
    queryKey: [...LISTS, filter],
    queryFn: ({ signal, pageParam }) =>
      answerOf(
        catalog.GET("/api/v1/backups", { params: { query: { ...filter, limit: PAGE, cursor: pageParam } }, signal }),
      ),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next_cursor,
    placeholderData: keepPreviousData,
    refetchInterval: POLL_MS,
  });
}

/** All of them but deleted ones, newest first, however many pages that takes. */
export const allBackupsQuery = queryOptions({
  queryKey: ["catalog", "backups", "all"],
  queryFn: async ({ signal }): Promise<Backup[]> => {
    const found: Backup[] = [];
    let cursor: string | null = null as string | null;
    do {
      const params = { query: { limit: LARGEST_PAGE, cursor } };
      const page = await answerOf(catalog.GET("/api/v1/backups", { params, signal }));
      found.push(...page.items);
      cursor = page.next_cursor;
    } while (cursor !== null);
    return found;
  },
  refetchInterval: POLL_MS,
});

/** One backup, shown at once as a list has it. */
export function backupQuery(backupId: string) {
  return queryOptions<Backup, Error, Backup, string[]>({
    queryKey: ["catalog", "backups", "one", backupId],
    queryFn: ({ signal }) =>
      answerOf(catalog.GET("/api/v1/backups/{backup_id}", { params: { path: { backup_id: backupId } }, signal })),
    placeholderData: () => listed(queryClient, backupId),
    refetchInterval: POLL_MS,
  });
}

/** Storage since it was created, thinned to what a chart can show. */
export function usageOfBackupQuery(backupId: string) {
  return queryOptions({
    queryKey: ["catalog", "backups", "usage", backupId],
    queryFn: async ({ signal }) => {
      const params = { path: { backup_id: backupId }, query: { points: CHART_POINTS } };
      return (await answerOf(catalog.GET("/api/v1/backups/{backup_id}/usage", { params, signal }))).items;
    },
    refetchInterval: POLL_MS * 4,
  });
}

/** Schedule its deletion; until `delete_due_at` it can be taken back. */
export function useDeleteBackup() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (backupId: string) =>
      answerOf(catalog.DELETE("/api/v1/backups/{backup_id}", { params: { path: { backup_id: backupId } } })),
    onSuccess: (backup) => keep(client, backup),
  });
}

export function useUndeleteBackup() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (backupId: string) =>
      answerOf(catalog.POST("/api/v1/backups/{backup_id}/undelete", { params: { path: { backup_id: backupId } } })),
    onSuccess: (backup) => keep(client, backup),
  });
}

/** Look through the store soon for what nobody registered, such as backups of olares-cli. */
export function useDiscoverBackups() {
  return useMutation({ mutationFn: () => answerOf(catalog.POST("/api/v1/backups/discover")) });
}

function listed(client: QueryClient, backupId: string): Backup | undefined {
  const pages = client
    .getQueriesData<InfiniteData<BackupPage>>({ queryKey: LISTS })
    .flatMap(([, data]) => data?.pages ?? []);
  return [...pages.map((page) => page.items), client.getQueryData(allBackupsQuery.queryKey) ?? []]
    .flat()
    .find((backup) => backup.backup_id === backupId);
}

/** Show a backup as it is now wherever it is shown, before anything is asked again. */
function keep(client: QueryClient, backup: Backup): void {
  client.setQueryData(backupQuery(backup.backup_id).queryKey, backup);
  client.setQueriesData<InfiniteData<BackupPage>>({ queryKey: LISTS }, (data) =>
    data === undefined
      ? data
      : {
          ...data,
          pages: data.pages.map((page) => ({
            ...page,
            items: page.items.map((one) => (one.backup_id === backup.backup_id ? backup : one)),
          })),
        },
  );
  void client.invalidateQueries({ queryKey: LISTS });
  void client.invalidateQueries({ queryKey: allBackupsQuery.queryKey });
}
