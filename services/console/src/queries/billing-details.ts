import { queryOptions, useMutation, useQueryClient } from "@tanstack/react-query";
import { answerOf, billing } from "../api/client";
import type { components } from "../api/generated/billing";

export type BillingDetails = components["schemas"]["BillingDetails"];

/** To whom invoices are addressed, and by whose tax. */
export const billingDetailsQuery = queryOptions({
  queryKey: ["billing", "details"],
  queryFn: ({ signal }) => answerOf(billing.GET("/api/v1/billing-details", { signal })),
});

export function useSaveBillingDetails() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (details: BillingDetails) => answerOf(billing.PUT("/api/v1/billing-details", { body: details })),
    onSuccess: (details) => client.setQueryData(billingDetailsQuery.queryKey, details),
  });
}
