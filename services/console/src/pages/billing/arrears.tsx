import { Alert, Button, Group, Stack, Text } from "@mantine/core";
import { IconAlertTriangle } from "@tabler/icons-react";
import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { Link } from "react-router";
import { moneyText } from "../../format/money";
import { t } from "../../messages";
import { invoicesQuery, noticesQuery } from "../../queries/invoices";
import type { Standing } from "../../queries/quota";

// More open ones than that are seen in the list.
const SHOWN = 3;

/** What is not paid, what that means, and the way to pay it; nothing while all is in order. */
export function Arrears({ standing }: { standing: Standing }) {
  const words = t.billing.arrears[standing];
  const open = useInfiniteQuery({ ...invoicesQuery("finalised"), enabled: words !== null });
  const notices = useQuery({ ...noticesQuery, enabled: words !== null });
  if (words === null) return null;
  const invoices = open.data?.pages[0]?.items.filter(({ due }) => due.amount_minor > 0) ?? [];
  const said = notices.data?.find(({ kind }) => kind === "charge_failed")?.text;
  return (
    <Alert role="alert" color="red" variant="light" icon={<IconAlertTriangle aria-hidden />} title={words.title}>
      <Stack gap="sm">
        <Text c="var(--mantine-color-text)">{words.text}</Text>
        {said && <Text c="var(--mantine-color-text)">{said}</Text>}
        <Group gap="sm">
          {invoices.slice(0, SHOWN).map(({ invoice_id, number, due }) => (
            <Button
              key={invoice_id}
              component={Link}
              to={`/billing/invoices/${number ?? invoice_id}`}
              size="xs"
              aria-label={t.billing.arrearsInvoice(moneyText(due), number ?? "")}
            >
              {t.billing.arrearsOpen(moneyText(due))}
            </Button>
          ))}
          <Button component={Link} to="/billing/invoices" size="xs" variant="default">
            {t.billing.arrearsAll}
          </Button>
        </Group>
      </Stack>
    </Alert>
  );
}
