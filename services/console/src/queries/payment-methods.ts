import { queryOptions, useMutation, useQueryClient } from "@tanstack/react-query";
import { answerOf, billing } from "../api/client";
import type { components } from "../api/generated/billing";

export type PaymentMethod = components["schemas"]["PaymentMethodRead"];
export type Card = components["schemas"]["CardWrite"];
export type PaymentForm = components["schemas"]["PaymentFormRead"];

const KEY = ["billing", "payment-methods"] as const;

/** All of the owner's, newest first: there are never more than one page of them. */
export const paymentMethodsQuery = queryOptions({
  queryKey: [...KEY, "list"],
  queryFn: async ({ signal }) =>
    (await answerOf(billing.GET("/api/v1/payment-methods", { params: { query: { limit: 100 } }, signal }))).items,
});

/** How a card is given here: typed, or in a form of the payment provider's own. */
export const paymentFormQuery = queryOptions({
  queryKey: [...KEY, "form"],
  queryFn: ({ signal }) => answerOf(billing.GET("/api/v1/payment-methods/form", { signal })),
  staleTime: 3_600_000,
});

export type NewMethod = { card: Card } | { token: string };

export interface AddMethod {
  method: NewMethod;
  key: string;
}

/** Add a card; what was typed is not kept by the mutation once it is over. */
export function useAddPaymentMethod() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: ({ method, key }: AddMethod) =>
      answerOf(
        billing.POST("/api/v1/payment-methods", { params: { header: { "idempotency-key": key } }, body: method }),
      ),
    onSuccess: (added) => {
      client.setQueryData(paymentMethodsQuery.queryKey, (known) =>
        known ? [added, ...known.filter((each) => each.payment_method_id !== added.payment_method_id)] : undefined,
      );
      void client.invalidateQueries({ queryKey: ["billing"] });
    },
    gcTime: 0,
  });
}

export function useMakeDefault() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (paymentMethodId: string) =>
      answerOf(
        billing.PUT("/api/v1/payment-methods/{payment_method_id}/default", {
          params: { path: { payment_method_id: paymentMethodId } },
        }),
      ),
    onSuccess: () => client.invalidateQueries({ queryKey: ["billing"] }),
  });
}

export function useRemovePaymentMethod() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (paymentMethodId: string) =>
      answerOf(
        billing.DELETE("/api/v1/payment-methods/{payment_method_id}", {
          params: { path: { payment_method_id: paymentMethodId } },
        }),
      ),
    onSuccess: () => client.invalidateQueries({ queryKey: ["billing"] }),
  });
}
