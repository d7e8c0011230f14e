import { queryOptions } from "@tanstack/react-query";
import { answerOf, restores } from "../api/client";
import type { components } from "../api/generated/restore";
import { hasCode, isPassing } from "../api/problem";

export type TicketIssued = components["schemas"]["TicketIssued"];

/** What to restore: the latest snapshot of a backup, or the one named. */
export interface TicketWish {
  backupId: string;
  snapshotId: string | null;
}

/**
 * The ticket of a wish. `key` makes asking again answer the same ticket, so that a page that is loaded again makes no
 * other one, and the ticket itself need not be kept by the browser.
 */
export function ticketQuery({ backupId, snapshotId }: TicketWish, key: string) {
  return queryOptions({
    queryKey: ["restore", "tickets", backupId, snapshotId, key],
    queryFn: () =>
      answerOf(
        restores.POST("/api/v1/tickets", {
          params: { header: { "idempotency-key": key } },
          body: snapshotId === null ? { backup_id: backupId } : { snapshot_id: snapshotId },
        }),
      ),
    // Loaded again while the first request is still being answered.
    retry: (failures, error) => (isPassing(error) || hasCode(error, "request_in_flight")) && failures < 3,
    staleTime: Number.POSITIVE_INFINITY,
    refetchOnWindowFocus: false,
    refetchOnReconnect: false,
  });
}
