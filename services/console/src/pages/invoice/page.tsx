import { Skeleton, Stack, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useParams } from "react-router";
import { Facts } from "../../components/facts";
import { Instant } from "../../components/instant";
import { Page } from "../../components/page";
import { Panel } from "../../components/panel";
import { ProblemNote } from "../../components/problem-note";
import { dayText } from "../../format/instants";
import { moneyText } from "../../format/money";
import { t } from "../../messages";
import { type Invoice, invoiceQuery } from "../../queries/invoices";
import { CreditNoteTable } from "../invoices/credit-notes";
import { PdfButton } from "../invoices/pdf-button";
import { StateBadge } from "../invoices/state-badge";
import { Lines, Totals } from "./amounts";
import { isPayable, Pay, PaymentNote } from "./pay";
import { Payments } from "./payments";

const words = t.invoices;
const PARENT = { to: "/billing/invoices", label: words.title };

export function Component() {
  const { name = "" } = useParams();
  const found = useQuery(invoiceQuery(name));
  const invoice = found.data;
  return (
    <Page
      title={invoice ? (invoice.number ? words.one(invoice.number) : words.draft) : words.one(name)}
      parent={PARENT}
      size="lg"
      actions={
        invoice && (
          <>
            {isPayable(invoice) && <Pay invoice={invoice} />}
            <PdfButton kind="invoices" name={invoice.number ?? invoice.invoice_id}>
              {words.download}
            </PdfButton>
          </>
        )
      }
    >
      {found.isError && !invoice && <ProblemNote error={found.error} onRetry={() => void found.refetch()} />}
      {found.isPending && (
        <Stack aria-busy aria-label={t.shell.loading}>
          <Skeleton h={180} />
          <Skeleton h={260} />
        </Stack>
      )}
      {invoice && <Shown invoice={invoice} />}
    </Page>
  );
}

function Shown({ invoice }: { invoice: Invoice }) {
  return (
    <>
      <PaymentNote invoice={invoice} />
      {invoice.state === "draft" && <Text>{words.draftHint}</Text>}
      <Panel title={words.details}>
        <Facts facts={factsOf(invoice)} />
      </Panel>
      <Panel title={words.lines.title}>
        <Lines lines={invoice.lines} />
        <Totals invoice={invoice} />
      </Panel>
      <Payments payments={invoice.payments} />
      {invoice.credit_notes.length > 0 && (
        <Panel title={words.credits.title}>
          <CreditNoteTable notes={invoice.credit_notes} withInvoice={false} />
        </Panel>
      )}
    </>
  );
}

function factsOf(invoice: Invoice) {
  const { facts } = words;
  const { issued_at, next_charge_at, paid_at, due, billed_to } = invoice;
  const lines = [billed_to.name, ...(billed_to.address_lines ?? []), billed_to.country, billed_to.email].filter(
    Boolean,
  );
  return [
    [facts.state, <StateBadge key="state" state={invoice.state} />],
    [facts.for, words.kinds[invoice.kind]],
    [facts.period, words.period(dayText(invoice.period_start), dayText(invoice.period_end))],
    [facts.issued, issued_at && <Instant key="issued" at={issued_at} />],
    [facts.due, due.amount_minor > 0 ? moneyText(due) : null],
    [facts.nextCharge, next_charge_at && <Instant key="next" at={next_charge_at} />],
    [facts.paid, paid_at && <Instant key="paid" at={paid_at} />],
    [
      facts.billedTo,
      lines.length > 0
        ? lines.map((line) => <div key={line}>{line}</div>)
        : invoice.state === "draft"
          ? null
          : words.nobody,
    ],
    [facts.taxId, billed_to.tax_id ?? null],
  ] as const;
}
