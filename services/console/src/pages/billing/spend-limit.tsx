import { Button, Progress, Stack, Text, TextInput } from "@mantine/core";
import { useState } from "react";
import { Link } from "react-router";
import { Ask } from "../../components/ask";
import { Panel } from "../../components/panel";
import { minorOf, typedAmount } from "../../format/amounts";
import { type Money, moneyText } from "../../format/money";
import { sizeText } from "../../format/sizes";
import { t } from "../../messages";
import { type Quota, type Standing, useSetSpendLimit } from "../../queries/quota";

const words = t.billing.limit;

/** How much storage beyond the free may cost, and what happens then. */
export function SpendLimit({ quota }: { quota: Quota }) {
  const [changing, setChanging] = useState(false);
  const { spend_limit, spent } = quota;
  if (!quota.has_payment_method || !spend_limit) {
    return (
      <Panel title={words.title}>
        <Text>{words.none(sizeText(quota.allowance_bytes))}</Text>
        <div>
          <Button component={Link} to="/billing/payment" variant="default">
            {words.add}
          </Button>
        </div>
      </Panel>
    );
  }
  const text = words.of(moneyText(spent), moneyText(spend_limit));
  return (
    <Panel
      title={words.title}
      actions={
        <Button variant="default" size="xs" onClick={() => setChanging(true)}>
          {words.change}
        </Button>
      }
    >
      <Stack gap={6}>
        <Text fw={500} className="numbers">
          {text}
        </Text>
        <Progress.Root size="lg">
          <Progress.Section
            value={
              spend_limit.amount_minor ? Math.min(100, (spent.amount_minor / spend_limit.amount_minor) * 100) : 100
            }
            color="blue.8"
            aria-label={words.bar}
            aria-valuetext={text}
          />
        </Progress.Root>
      </Stack>
      <Text size="sm">
        {isStopped(quota.standing)
          ? words.stopped(sizeText(quota.allowance_bytes))
          : words.means(sizeText(quota.limit_bytes))}{" "}
        {words.instances}
      </Text>
      {changing && <Change limit={spend_limit} onClose={() => setChanging(false)} />}
    </Panel>
  );
}

/** Whether a bill is open for so long that nothing above the free storage is backed up. */
function isStopped(standing: Standing): boolean {
  return standing === "restricted" || standing === "suspended";
}

function Change({ limit, onClose }: { limit: Money; onClose: () => void }) {
  const { currency } = limit;
  const [typed, setTyped] = useState(typedAmount(limit.amount_minor, currency));
  const [wrong, setWrong] = useState(false);
  const saving = useSetSpendLimit();

  function save() {
    const amount = minorOf(typed, currency);
    setWrong(amount === null);
    if (amount !== null) saving.mutate({ amount_minor: amount, currency }, { onSuccess: onClose });
  }
  return (
    <Ask
      title={words.dialog}
      confirm={words.save}
      busy={saving.isPending}
      error={saving.error}
      onConfirm={save}
      onClose={onClose}
    >
      <TextInput
        label={words.amount(currency)}
        description={words.amountHint}
        inputMode="decimal"
        value={typed}
        error={wrong && words.amountWrong}
        onChange={(event) => setTyped(event.currentTarget.value)}
        data-autofocus
      />
    </Ask>
  );
}
