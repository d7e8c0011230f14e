import { Anchor, Button, Paper, SegmentedControl, Skeleton, Stack, Text } from "@mantine/core";
import { IconReceipt } from "@tabler/icons-react";
import { useInfiniteQuery } from "@tanstack/react-query";
import { useState } from "react";
import { Link } from "react-router";
import { Empty } from "../../components/empty";
import { Page } from "../../components/page";
import { ProblemNote } from "../../components/problem-note";
import { type Column, Records } from "../../components/records";
import { dayText } from "../../format/instants";
import { moneyText } from "../../format/money";
import { t } from "../../messages";
import { type InvoiceState, type InvoiceSummary, invoicesQuery } from "../../queries/invoices";
import { BillingNav } from "../billing/nav";
import { CreditNotes } from "./credit-notes";
import { PdfButton } from "./pdf-button";
import { StateBadge } from "./state-badge";

const words = t.invoices;
type Filter = keyof typeof words.filters;
const FILTERS: readonly Filter[] = ["all", "finalised", "paid", "draft"];

const COLUMNS: readonly Column<InvoiceSummary>[] = [
  {
    title: words.columns.number,
    cell: (invoice) => (
      <Anchor component={Link} to={`/billing/invoices/${nameOf(invoice)}`} fw={600}>
        {invoice.number ?? words.draft}
      </Anchor>
    ),
  },
  { title: words.columns.for, cell: ({ kind }) => words.kinds[kind] },
  {
    title: words.columns.period,
    cell: ({ period_start, period_end }) => words.period(dayText(period_start), dayText(period_end)),
  },
  { title: words.columns.state, cell: ({ state }) => <StateBadge state={state} /> },
  { title: words.columns.total, cell: ({ total }) => moneyText(total), align: "end" },
  {
    title: words.columns.due,
    cell: ({ due }) => (due.amount_minor > 0 ? <strong>{moneyText(due)}</strong> : null),
    align: "end",
  },
  {
    title: words.columns.pdf,
    cell: (invoice) => (
      <PdfButton kind="invoices" name={nameOf(invoice)} size="compact-sm">
        {words.pdf}
      </PdfButton>
    ),
    align: "end",
  },
];

export function Component() {
  const [filter, setFilter] = useState<Filter>("all");
  return (
    <Page title={words.title} size="xl">
      <BillingNav />
      <div>
        <SegmentedControl
          aria-label={words.show}
          value={filter}
          onChange={(value) => setFilter(value as Filter)}
          data={FILTERS.map((value) => ({ value, label: words.filters[value] }))}
        />
      </div>
      <List state={filter === "all" ? null : filter} />
      <CreditNotes />
    </Page>
  );
}

function List({ state }: { state: InvoiceState | null }) {
  const found = useInfiniteQuery(invoicesQuery(state));
  if (found.isPending) return <Skeleton h={240} aria-label={t.shell.loading} />;
  if (found.isError && !found.data) return <ProblemNote error={found.error} onRetry={() => void found.refetch()} />;
  const rows = found.data.pages.flatMap((page) => page.items);
  if (rows.length === 0 && state !== null) return <Text c="dimmed">{words.empty.other}</Text>;
  if (rows.length === 0) {
    return (
      <Empty icon={<IconReceipt size={32} stroke={1.5} aria-hidden />} title={words.empty.title}>
        {words.empty.text}
      </Empty>
    );
  }
  return (
    <Stack>
      <Paper withBorder px={{ base: 0, sm: "xs" }}>
        <Records label={words.title} columns={COLUMNS} rows={rows} rowKey={({ invoice_id }) => invoice_id} />
      </Paper>
      {found.hasNextPage && (
        <Button variant="default" loading={found.isFetchingNextPage} onClick={() => void found.fetchNextPage()}>
          {t.shell.more}
        </Button>
      )}
    </Stack>
  );
}

function nameOf({ number, invoice_id }: InvoiceSummary): string {
  return number ?? invoice_id;
}
