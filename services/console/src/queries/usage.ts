import { queryOptions } from "@tanstack/react-query";
import { answerOf, billing } from "../api/client";
import type { components } from "../api/generated/billing";
import { hasCode } from "../api/problem";
import { POLL_MS } from "./client";

export type Usage = components["schemas"]["UsageRead"];
export type BackupUsage = components["schemas"]["BackupUsage"];
export type DayUsage = components["schemas"]["DayUsage"];
export type Settlement = components["schemas"]["SettlementRead"];

/** The open month: what is used, what it costs so far, and what it will come to. */
export const usageQuery = queryOptions({
  queryKey: ["billing", "usage"],
  queryFn: ({ signal }) => answerOf(billing.GET("/api/v1/usage", { signal })),
  refetchInterval: POLL_MS * 4,
});

/** By day of UTC; `from` (`2026-03-12`) is the first day, the open month's when it is null. */
export function daysQuery(from: string | null) {
  return queryOptions({
    queryKey: ["billing", "usage", "days", from],
    queryFn: async ({ signal }) => {
      const query = from === null ? {} : { from };
      return (await answerOf(billing.GET("/api/v1/usage/days", { params: { query }, signal }))).items;
    },
  });
}

/** What returning an instance now would come to; null for one that is not paid by the month. */
export function settlementQuery(instanceId: string) {
  return queryOptions({
    queryKey: ["billing", "settlement", instanceId],
    queryFn: async ({ signal }): Promise<Settlement | null> => {
      const params = { path: { instance_id: instanceId } };
      try {
        return await answerOf(billing.GET("/api/v1/usage/instances/{instance_id}/settlement", { params, signal }));
      } catch (error) {
        if (hasCode(error, "nothing_to_settle")) return null;
        throw error;
      }
    },
    // It is asked for when somebody is about to return it, and has to be of that moment.
    staleTime: 0,
    gcTime: 0,
  });
}
