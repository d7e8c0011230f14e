import { infiniteQueryOptions, queryOptions, useMutation, useQueryClient } from "@tanstack/react-query";
import { answerOf, billing, restores } from "../api/client";
import type { components } from "../api/generated/restore";
import type { Money } from "../format/money";
import { POLL_MS } from "./client";

export type Restore = components["schemas"]["RestoreRead"];
export type RestoreDetail = components["schemas"]["RestoreDetail"];
export type RestoreState = Restore["state"];
export type Cloud = components["schemas"]["CloudDetail"];
export type CloudRestore = RestoreDetail & { cloud: Cloud };
export type PasswordWanted = components["schemas"]["PasswordRead"];
export type TimelineEntry = components["schemas"]["TimelineEntryRead"];
export type RestoreWish = Omit<components["schemas"]["RestoreRequest"], "backup_id" | "snapshot_id"> & {
  snapshot_id: string;
};

const OVER: ReadonlySet<RestoreState> = new Set(["completed", "failed", "cancelled", "expired", "returned"]);
const SOON: ReadonlySet<RestoreState> = new Set(["quoting", "authorising"]);
const SOON_MS = 1_000;
const LIVE_MS = 10_000;

export function isOver(restore: Pick<Restore, "state">): boolean {
  return OVER.has(restore.state);
}

/** Those that go on, or those that are over, newest first. */
export function restoresQuery(live: boolean) {
  return infiniteQueryOptions({
    queryKey: ["restore", "restores", "list", live],
    queryFn: ({ signal, pageParam }) =>
      answerOf(restores.GET("/api/v1/restores", { params: { query: { live, limit: 20, cursor: pageParam } }, signal })),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next_cursor,
    refetchInterval: live ? LIVE_MS : POLL_MS * 4,
  });
}

/** One restore; asked for again soon while an answer of others is waited for. */
export function restoreQuery(restoreId: string) {
  return queryOptions({
    queryKey: ["restore", "restores", "one", restoreId],
    queryFn: ({ signal }) =>
      answerOf(restores.GET("/api/v1/restores/{restore_id}", { params: { path: { restore_id: restoreId } }, signal })),
    refetchInterval: ({ state: { data } }) => {
      if (!data) return POLL_MS;
      if (isOver(data)) return false;
      return SOON.has(data.state) ? SOON_MS : LIVE_MS;
    },
  });
}

/** What happened so far; the stream of the same address tells what comes. */
export async function timelineOf(restoreId: string, signal: AbortSignal): Promise<TimelineEntry[]> {
  const found: TimelineEntry[] = [];
  let cursor: string | null = null as string | null;
  do {
    const params = { path: { restore_id: restoreId }, query: { limit: 100, cursor } };
    const page = await answerOf(restores.GET("/api/v1/restores/{restore_id}/timeline", { params, signal }));
    // As a text it is only sent to who asks for a stream.
    if (typeof page === "string") break;
    found.push(...page.items);
    cursor = page.next_cursor;
  } while (cursor !== null);
  return found;
}

/** What the bill of a restore comes to; null where there is none yet. */
export function chargedQuery(restoreId: string) {
  return queryOptions({
    queryKey: ["billing", "charged", restoreId],
    queryFn: async ({ signal }): Promise<{ total: Money; invoice: string } | null> => {
      const { items } = await answerOf(billing.GET("/api/v1/orders", { params: { query: { limit: 100 } }, signal }));
      const invoice = items.find((order) => order.restore_id === restoreId)?.invoice_id;
      if (!invoice) return null;
      const params = { path: { name: invoice } };
      const { total, number } = await answerOf(billing.GET("/api/v1/invoices/{name}", { params, signal }));
      return { total, invoice: number ?? invoice };
    },
    // A bill follows what it is for, sometimes after a while.
    refetchInterval: ({ state }) => (state.data ? false : POLL_MS),
  });
}

/** Ask what a restore to the cloud costs; nothing is paid by that. */
export function useOrderRestore() {
  const keep = useKeep();
  return useMutation({
    mutationFn: ({ wish, key }: { wish: RestoreWish; key: string }) =>
      answerOf(restores.POST("/api/v1/restores", { params: { header: { "idempotency-key": key } }, body: wish })),
    onSuccess: keep,
  });
}

/** Order and pay what was quoted; done twice it is done once. */
export function useConfirmRestore(restoreId: string) {
  const keep = useKeep();
  return useMutation({
    mutationFn: (paymentMethodId: string | null) =>
      answerOf(
        restores.POST("/api/v1/restores/{restore_id}/confirm", {
          params: { path: { restore_id: restoreId } },
          body: { payment_method_id: paymentMethodId },
        }),
      ),
    onSuccess: keep,
  });
}

/** Call a restore off; while it waits for a password that is to give it up. */
export function useCancelRestore() {
  const keep = useKeep();
  return useMutation({
    mutationFn: (restoreId: string) =>
      answerOf(restores.POST("/api/v1/restores/{restore_id}/cancel", { params: { path: { restore_id: restoreId } } })),
    onSuccess: keep,
  });
}

/** Send a sealed password, once: where its answer is lost, the restore itself says what became of it. */
export function sendPassword(restoreId: string, round: number, sealed: string): Promise<RestoreDetail> {
  return answerOf(
    restores.POST("/api/v1/restores/{restore_id}/password", {
      params: { path: { restore_id: restoreId } },
      body: { round, sealed },
    }),
  );
}

function useKeep() {
  const client = useQueryClient();
  return (restore: RestoreDetail) => {
    client.setQueryData(restoreQuery(restore.restore_id).queryKey, restore);
    void client.invalidateQueries({ queryKey: ["restore", "restores", "list"] });
  };
}
