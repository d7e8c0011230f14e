import { infiniteQueryOptions, queryOptions, useMutation, useQueryClient } from "@tanstack/react-query";
import { answerOf, billing } from "../api/client";
import type { components } from "../api/generated/billing";
import { POLL_MS } from "./client";
import { isDecided } from "./payments";

export type InvoiceState = components["schemas"]["InvoiceState"];
export type InvoiceKind = components["schemas"]["InvoiceKind"];
export type InvoiceSummary = components["schemas"]["InvoiceSummary"];
export type InvoiceLine = components["schemas"]["InvoiceLineRead"];
export type Invoice = components["schemas"]["InvoiceRead"];
export type PayNow = components["schemas"]["PayNow"];
export type CreditNote = components["schemas"]["CreditNoteRead"];

const ASK_AGAIN_MS = 1_500;

/** All invoices, newest first, or those in one state; a finalised one is open. */
export function invoicesQuery(state: InvoiceState | null) {
  return infiniteQueryOptions({
    queryKey: ["billing", "invoices", "list", state],
    queryFn: ({ signal, pageParam }) =>
      answerOf(billing.GET("/api/v1/invoices", { params: { query: { state, limit: 20, cursor: pageParam } }, signal })),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next_cursor,
    refetchInterval: POLL_MS * 2,
  });
}

/** One by its number or id; asked for again soon while a payment of it is not decided. */
export function invoiceQuery(name: string) {
  return queryOptions({
    queryKey: ["billing", "invoices", "one", name],
    queryFn: ({ signal }) => answerOf(billing.GET("/api/v1/invoices/{name}", { params: { path: { name } }, signal })),
    refetchInterval: ({ state }) => (state.data?.payments.every(isDecided) === false ? ASK_AGAIN_MS : POLL_MS * 2),
  });
}

export const creditNotesQuery = infiniteQueryOptions({
  queryKey: ["billing", "credit-notes"],
  queryFn: ({ signal, pageParam }) =>
    answerOf(billing.GET("/api/v1/credit-notes", { params: { query: { limit: 20, cursor: pageParam } }, signal })),
  initialPageParam: null as string | null,
  getNextPageParam: (page) => page.next_cursor,
});

/** What an owner was told about their bills, newest first; the first few. */
export const noticesQuery = queryOptions({
  queryKey: ["billing", "notices"],
  queryFn: async ({ signal }) =>
    (await answerOf(billing.GET("/api/v1/notices", { params: { query: { limit: 5 } }, signal }))).items,
});

export interface PayInvoice {
  name: string;
  /** The default one when null. */
  paymentMethodId: string | null;
  key: string;
}

/** Pay from the balances first and the rest by card; the answer says how it stands by now. */
export function usePayInvoice() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: ({ name, paymentMethodId, key }: PayInvoice) =>
      answerOf(
        billing.POST("/api/v1/invoices/{name}/pay", {
          params: { path: { name }, header: { "idempotency-key": key } },
          body: { payment_method_id: paymentMethodId },
        }),
      ),
    onSuccess: (invoice, { name }) => {
      client.setQueryData(invoiceQuery(name).queryKey, invoice);
      void client.invalidateQueries({ queryKey: ["billing"], predicate: ({ queryKey }) => queryKey[2] !== "one" });
    },
  });
}

/** The document as a PDF. */
export async function pdfOf(kind: "invoices" | "credit-notes", name: string): Promise<Blob> {
  const options = { params: { path: { name } }, parseAs: "blob" } as const;
  return kind === "invoices"
    ? answerOf(billing.GET("/api/v1/invoices/{name}/pdf", options))
    : answerOf(billing.GET("/api/v1/credit-notes/{name}/pdf", options));
}
