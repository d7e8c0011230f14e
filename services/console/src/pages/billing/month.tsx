import { Group, Stack, Text } from "@mantine/core";
import { Facts } from "../../components/facts";
import { Panel } from "../../components/panel";
import { dayText } from "../../format/instants";
import { type Money, moneyText } from "../../format/money";
import { t } from "../../messages";
import type { Usage } from "../../queries/usage";

const words = t.billing.month;

/** What the open month costs so far, of what, and what it will come to. */
export function Month({ usage }: { usage: Usage }) {
  const { period_start, period_end, storage, adjustments } = usage;
  const extra = usage.instances.reduce((sum, { charge }) => sum + charge.amount_minor, 0);
  const currency = usage.so_far.currency;
  return (
    <Panel title={words.title}>
      <Text c="dimmed">
        {period_start && period_end ? words.period(dayText(period_start), dayText(period_end)) : words.none}
      </Text>
      <Group gap="xl" align="flex-start">
        <Figure name={words.soFar} amount={usage.so_far} />
        <Figure name={words.forecast} amount={usage.forecast} />
      </Group>
      {period_end && (
        <Text>
          {words.expected(moneyText(usage.forecast), dayText(period_end))}
          {usage.instances.length > 0 && ` ${words.renews}`}
        </Text>
      )}
      {usage.so_far.amount_minor !== 0 && (
        <Facts
          facts={[
            [words.storage, moneyText(storage.charge)],
            [words.instances, extra ? moneyText({ amount_minor: extra, currency }) : null],
            [words.adjustments, adjustments.amount_minor ? moneyText(adjustments) : null],
          ]}
        />
      )}
    </Panel>
  );
}

function Figure({ name, amount }: { name: string; amount: Money }) {
  return (
    <Stack gap={0}>
      <Text size="sm" c="dimmed">
        {name}
      </Text>
      <Text fz={28} fw={650} className="numbers">
        {moneyText(amount)}
      </Text>
    </Stack>
  );
}
