import type { components } from "../../api/generated/billing";

type State = components["schemas"]["InvoiceState"];
type Kind = components["schemas"]["InvoiceKind"];
type PaymentState = components["schemas"]["PaymentState"];

const states: Record<State, string> = {
  draft: "Draft",
  finalised: "Open",
  paid: "Paid",
  void: "Void",
  uncollectible: "Given up",
};
const kinds: Record<Kind, string> = {
  order: "An order",
  usage: "A month's use",
  settlement: "A returned instance",
};
const paymentStates: Record<PaymentState, string> = {
  authorising: "Under way",
  authorised: "Held on the card",
  capturing: "Under way",
  captured: "Paid",
  voiding: "Being let go",
  voided: "Let go",
  failed: "Failed",
  expired: "Let go by the bank",
};

export const invoices = {
  title: "Invoices",
  one: (name: string) => `Invoice ${name}`,
  draft: "Draft invoice",
  show: "Show",
  filters: { all: "All", finalised: "Open", paid: "Paid", draft: "Drafts" },
  states,
  kinds,
  columns: {
    number: "Number",
    for: "For",
    period: "Period",
    state: "State",
    total: "Total",
    due: "Due",
    pdf: "PDF",
  },
  period: (from: string, to: string) => `${from} to ${to}`,
  empty: {
    title: "No invoices yet",
    text: "One is made when something is charged: at the end of a month in which you kept more than is free, or with an instance.",
    other: "No invoice is in this state.",
  },
  pdf: "PDF",
  /** What the button says comes first, as who speaks to it says it. */
  pdfOf: (label: string, name: string) => `${label}: ${name}`,
  download: "Download as PDF",
  draftHint:
    "It is not final yet: measurements on their way are still taken in. It gets its number within an hour or so.",
  facts: {
    state: "State",
    for: "For",
    period: "Period",
    issued: "Issued",
    due: "Still due",
    nextCharge: "Charged by itself",
    paid: "Paid",
    billedTo: "Addressed to",
    taxId: "VAT id",
  },
  nobody: "Nobody: no billing details were given.",
  details: "What it says",
  lines: { title: "Lines", what: "What", quantity: "Quantity", price: "Unit price", amount: "Amount" },
  quantity: (quantity: string, unit: string) => `${quantity} ${unit}`,
  totals: {
    net: "Net",
    tax: (country: string | null, rate: string | null) =>
      `Tax${country || rate ? ` (${[country, rate].filter(Boolean).join(" ")})` : ""}`,
    total: "Total",
    promotional: "Paid from promotional balance",
    balance: "Paid from balance",
    card: "Paid by card",
    credited: "Credited",
    due: "Still due",
  },
  payments: {
    title: "Payments",
    when: "When",
    by: "By",
    amount: "Amount",
    state: "State",
    refunded: (amount: string) => `${amount} given back`,
    states: paymentStates,
    nothing: "No card was asked.",
  },
  card: (brand: string, last4: string) => `${brand} ending in ${last4}`,
  pay: {
    button: (amount: string) => `Pay ${amount}`,
    title: (name: string) => `Pay invoice ${name}`,
    due: "Due",
    promotional: "From your promotional balance",
    balance: "From your balance",
    carried: "Left over from earlier invoices, too little for a card",
    byCard: "Charged to your card",
    method: "Card",
    defaultMethod: "default",
    none: "You have no payment method. Add one to pay what your balance does not.",
    add: "Add a payment method",
    confirm: "Pay from your balance",
    underWay: "The payment is under way. It is looked at again by itself.",
    failed: (when: string, why: string) => `The payment of ${when} did not go through: ${why}`,
  },
  credits: {
    title: "Credit notes",
    number: "Number",
    why: "Why",
    of: "Of invoice",
    issued: "Issued",
    total: "Amount",
    where: "Went",
    toCard: (amount: string) => `${amount} to your card`,
    toBalance: (amount: string) => `${amount} to your balance`,
    toPromotional: (amount: string) => `${amount} to your promotional balance`,
    notOwed: (amount: string) => `${amount} no longer owed`,
    none: "Nothing was credited.",
  },
};
