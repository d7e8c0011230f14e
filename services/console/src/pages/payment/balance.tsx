import { Button, Skeleton, Stack, Text } from "@mantine/core";
import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { Facts } from "../../components/facts";
import { Instant } from "../../components/instant";
import { Panel } from "../../components/panel";
import { ProblemNote } from "../../components/problem-note";
import { type Column, Records } from "../../components/records";
import { type Money, moneyText } from "../../format/money";
import { t } from "../../messages";
import { type BalanceChange, balanceHistoryQuery, balanceQuery } from "../../queries/balance";
import { TopUp } from "./top-up";

const words = t.payment.balance;

const COLUMNS: readonly Column<BalanceChange>[] = [
  { title: words.what, cell: ({ text }) => text },
  { title: words.when, cell: ({ recorded_at }) => <Instant at={recorded_at} /> },
  { title: words.change, cell: ({ balance }) => changeText(balance), align: "end" },
  { title: words.ofPromotional, cell: ({ promotional }) => changeText(promotional), align: "end" },
];

/** What is held for the owner, how it came to that, and adding to it. */
export function Balance() {
  const [adding, setAdding] = useState(false);
  const found = useQuery(balanceQuery);
  const balance = found.data;
  return (
    <Panel
      title={words.title}
      actions={
        balance && (
          <Button size="xs" variant="default" onClick={() => setAdding(true)}>
            {words.topUp}
          </Button>
        )
      }
    >
      <Text>{words.text}</Text>
      {found.isPending && <Skeleton h={90} />}
      {found.isError && !balance && <ProblemNote error={found.error} onRetry={() => void found.refetch()} />}
      {balance && (
        <>
          <Facts
            facts={[
              [words.balance, <strong key="balance">{moneyText(balance.balance)}</strong>],
              [words.promotional, moneyText(balance.promotional)],
              [words.nextCharge, balance.next_charge_at && <Instant key="next" at={balance.next_charge_at} />],
            ]}
          />
          {balance.balance.amount_minor < 0 && <Text>{words.owed}</Text>}
          <History />
        </>
      )}
      {adding && balance && <TopUp currency={balance.balance.currency} onClose={() => setAdding(false)} />}
    </Panel>
  );
}

function History() {
  const found = useInfiniteQuery(balanceHistoryQuery);
  const changes = found.data?.pages.flatMap((page) => page.items) ?? [];
  return (
    <Stack gap="xs">
      <Text component="h3" fw={600} m={0}>
        {words.history}
      </Text>
      {found.isPending && <Skeleton h={80} />}
      {found.isError && !found.data && <ProblemNote error={found.error} onRetry={() => void found.refetch()} />}
      {found.data && changes.length === 0 && <Text c="dimmed">{words.noHistory}</Text>}
      {changes.length > 0 && (
        <Records label={words.history} columns={COLUMNS} rows={changes} rowKey={({ change_id }) => String(change_id)} />
      )}
      {found.hasNextPage && (
        <Button variant="default" loading={found.isFetchingNextPage} onClick={() => void found.fetchNextPage()}>
          {t.shell.more}
        </Button>
      )}
    </Stack>
  );
}

function changeText(amount: Money): string | null {
  if (amount.amount_minor === 0) return null;
  return amount.amount_minor > 0 ? `+${moneyText(amount)}` : moneyText(amount);
}
