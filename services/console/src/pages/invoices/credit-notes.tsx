import { Anchor, Button, Stack, Text } from "@mantine/core";
import { useInfiniteQuery } from "@tanstack/react-query";
import { Link } from "react-router";
import { Instant } from "../../components/instant";
import { Panel } from "../../components/panel";
import { ProblemNote } from "../../components/problem-note";
import { type Column, Records } from "../../components/records";
import { moneyText } from "../../format/money";
import { t } from "../../messages";
import { type CreditNote, creditNotesQuery } from "../../queries/invoices";
import { PdfButton } from "./pdf-button";

const words = t.invoices.credits;

const COLUMNS: readonly Column<CreditNote>[] = [
  { title: words.number, cell: ({ number }) => number },
  { title: words.why, cell: ({ reason }) => reason },
  { title: words.issued, cell: ({ issued_at }) => <Instant at={issued_at} /> },
  { title: words.where, cell: (note) => whereTo(note).join(", ") },
  { title: words.total, cell: ({ total }) => moneyText(total), align: "end" },
  {
    title: t.invoices.columns.pdf,
    cell: ({ number }) => (
      <PdfButton kind="credit-notes" name={number} size="compact-sm">
        {t.invoices.pdf}
      </PdfButton>
    ),
    align: "end",
  },
];
const OF_INVOICE: Column<CreditNote> = {
  title: words.of,
  cell: ({ invoice_number }) => (
    <Anchor component={Link} to={`/billing/invoices/${invoice_number}`}>
      {invoice_number}
    </Anchor>
  ),
};

/** Those given, as a table. */
export function CreditNoteTable({ notes, withInvoice }: { notes: readonly CreditNote[]; withInvoice: boolean }) {
  const [number, ...others] = COLUMNS;
  const columns = withInvoice && number ? [number, OF_INVOICE, ...others] : COLUMNS;
  return <Records label={words.title} columns={columns} rows={notes} rowKey={({ credit_note_id }) => credit_note_id} />;
}

/** All that was taken back; nothing when there is none. */
export function CreditNotes() {
  const found = useInfiniteQuery(creditNotesQuery);
  if (found.isError && !found.data) return <ProblemNote error={found.error} onRetry={() => void found.refetch()} />;
  const notes = found.data?.pages.flatMap((page) => page.items) ?? [];
  return (
    <Panel title={words.title}>
      {notes.length === 0 && !found.isPending && <Text c="dimmed">{words.none}</Text>}
      {notes.length > 0 && (
        <Stack>
          <CreditNoteTable notes={notes} withInvoice />
          {found.hasNextPage && (
            <Button variant="default" loading={found.isFetchingNextPage} onClick={() => void found.fetchNextPage()}>
              {t.shell.more}
            </Button>
          )}
        </Stack>
      )}
    </Panel>
  );
}

function whereTo({ to_card, to_balance, to_promotional, no_longer_owed }: CreditNote): string[] {
  return (
    [
      [to_card, words.toCard],
      [to_balance, words.toBalance],
      [to_promotional, words.toPromotional],
      [no_longer_owed, words.notOwed],
    ] as const
  )
    .filter(([amount]) => amount.amount_minor > 0)
    .map(([amount, say]) => say(moneyText(amount)));
}
