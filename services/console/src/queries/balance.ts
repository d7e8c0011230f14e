import { infiniteQueryOptions, queryOptions, useMutation, useQueryClient } from "@tanstack/react-query";
import { answerOf, billing } from "../api/client";
import type { components } from "../api/generated/billing";
import type { Money } from "../format/money";
import { isDecided } from "./payments";

export type Balance = components["schemas"]["BalanceRead"];
export type BalanceChange = components["schemas"]["BalanceChange"];

/** What is held for the owner, how they stand, and when they are charged next. */
export const balanceQuery = queryOptions({
  queryKey: ["billing", "balance"],
  queryFn: ({ signal }) => answerOf(billing.GET("/api/v1/balance", { signal })),
});

export const balanceHistoryQuery = infiniteQueryOptions({
  queryKey: ["billing", "balance", "history"],
  queryFn: ({ signal, pageParam }) =>
    answerOf(billing.GET("/api/v1/balance/history", { params: { query: { limit: 20, cursor: pageParam } }, signal })),
  initialPageParam: null as string | null,
  getNextPageParam: (page) => page.next_cursor,
});

export interface TopUp {
  amount: Money;
  /** The default one when null. */
  paymentMethodId: string | null;
  key: string;
}

/** Pay into the balance; what is answered may not be decided yet, and `paymentQuery` tells what becomes of it. */
export function useTopUp() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: ({ amount, paymentMethodId, key }: TopUp) =>
      answerOf(
        billing.POST("/api/v1/balance/top-ups", {
          params: { header: { "idempotency-key": key } },
          body: { amount, payment_method_id: paymentMethodId },
        }),
      ),
    onSuccess: (payment) => {
      if (isDecided(payment)) void client.invalidateQueries({ queryKey: balanceQuery.queryKey });
    },
  });
}
