import { queryOptions } from "@tanstack/react-query";
import { answerOf, billing } from "../api/client";
import type { components } from "../api/generated/billing";

export type Payment = components["schemas"]["PaymentRead"];
type PaymentState = components["schemas"]["PaymentState"];

const DECIDED: ReadonlySet<PaymentState> = new Set(["captured", "voided", "failed", "expired"]);
const ASK_AGAIN_MS = 1_500;

/** Whether it is certain what became of a payment. */
export function isDecided(payment: Pick<Payment, "state">): boolean {
  return DECIDED.has(payment.state);
}

/** A payment, asked for until it is decided. */
export function paymentQuery(paymentId: string) {
  return queryOptions({
    queryKey: ["billing", "payments", paymentId],
    queryFn: ({ signal }) =>
      answerOf(billing.GET("/api/v1/payments/{payment_id}", { params: { path: { payment_id: paymentId } }, signal })),
    refetchInterval: ({ state }) => (state.data && isDecided(state.data) ? false : ASK_AGAIN_MS),
  });
}
