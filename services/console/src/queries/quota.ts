import { queryOptions, useMutation, useQueryClient } from "@tanstack/react-query";
import { answerOf, billing } from "../api/client";
import type { components } from "../api/generated/billing";
import type { Money } from "../format/money";
import { POLL_MS } from "./client";

export type Quota = components["schemas"]["QuotaRead"];
export type Standing = components["schemas"]["Standing"];

/** What is free, used and left, and what happens at the limit. */
export const quotaQuery = queryOptions({
  queryKey: ["billing", "quota"],
  queryFn: ({ signal }) => answerOf(billing.GET("/api/v1/quotas", { signal })),
  refetchInterval: POLL_MS,
});

export function useSetSpendLimit() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (limit: Money) => answerOf(billing.PUT("/api/v1/quotas/spend-limit", { body: { spend_limit: limit } })),
    onSuccess: (quota) => client.setQueryData(quotaQuery.queryKey, quota),
  });
}
