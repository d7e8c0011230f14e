import { Stack, Text } from "@mantine/core";
import { Instant } from "../../components/instant";
import { cardText } from "../../components/method-select";
import { Panel } from "../../components/panel";
import { type Column, Records } from "../../components/records";
import { moneyText } from "../../format/money";
import { t } from "../../messages";
import type { Payment } from "../../queries/payments";

const words = t.invoices.payments;

const COLUMNS: readonly Column<Payment>[] = [
  { title: words.when, cell: ({ created_at }) => <Instant at={created_at} /> },
  { title: words.by, cell: ({ method }) => method && cardText(method) },
  {
    title: words.state,
    cell: ({ state, reason, refunded }) => (
      <Stack gap={0}>
        <span>{words.states[state]}</span>
        {refunded.amount_minor > 0 && (
          <Text size="sm" component="span">
            {words.refunded(moneyText(refunded))}
          </Text>
        )}
        {reason && (
          <Text size="sm" c="dimmed" component="span">
            {reason}
          </Text>
        )}
      </Stack>
    ),
  },
  { title: words.amount, cell: ({ amount }) => moneyText(amount), align: "end" },
];

/** What was asked of cards, and what came of it; nothing when none was asked. */
export function Payments({ payments }: { payments: readonly Payment[] }) {
  if (payments.length === 0) return null;
  return (
    <Panel title={words.title}>
      <Records label={words.title} columns={COLUMNS} rows={payments} rowKey={({ payment_id }) => payment_id} />
    </Panel>
  );
}
