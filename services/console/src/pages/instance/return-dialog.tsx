import { List, Skeleton, Stack, Text, TextInput } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { Ask } from "../../components/ask";
import { moneyText } from "../../format/money";
import { t } from "../../messages";
import { type Instance, useInstanceAction } from "../../queries/instances";
import { type Settlement, settlementQuery } from "../../queries/usage";
import { isBeingRestored } from "../instances/status";

const words = t.instances.returning;

/** Asks for the return of an instance, with what is given back and what is still to be paid. */
export function ReturnDialog({ instance, onClose }: { instance: Instance; onClose: () => void }) {
  const [typed, setTyped] = useState("");
  const settlement = useQuery(settlementQuery(instance.instance_id));
  const returning = useInstanceAction(instance.instance_id);
  const named = typed.trim().toLowerCase() === instance.name.toLowerCase();
  return (
    <Ask
      dangerous
      title={t.instances.actions.return.title(instance.name)}
      confirm={t.instances.actions.return.confirm}
      disabled={!named || settlement.isPending}
      busy={returning.isPending}
      error={returning.error}
      onConfirm={() => returning.mutate("return", { onSuccess: onClose })}
      onClose={onClose}
    >
      <Stack>
        <Text>{words.deleted}</Text>
        <div aria-live="polite" aria-busy={settlement.isPending}>
          {settlement.isPending && (
            <Stack gap="xs">
              <Text c="dimmed">{words.counting}</Text>
              <Skeleton h={18} />
              <Skeleton h={18} w="70%" />
            </Stack>
          )}
          {settlement.isError && <Text>{words.unknown}</Text>}
          {settlement.data === null && (
            <Text>{isBeingRestored(instance.status) ? words.restoring : words.lastNothing}</Text>
          )}
          {settlement.data && <Money settlement={settlement.data} />}
        </div>
        <TextInput
          label={words.typeName(instance.name)}
          value={typed}
          onChange={(event) => setTyped(event.currentTarget.value)}
          autoComplete="off"
          autoCapitalize="off"
          spellCheck={false}
          data-autofocus
        />
      </Stack>
    </Ask>
  );
}

function Money({ settlement }: { settlement: Settlement }) {
  const { given_back, to_card, to_balance, to_promotional, no_longer_owed, charge, due, lines } = settlement;
  const parts = [
    [to_card, words.toCard],
    [to_balance, words.toBalance],
    [to_promotional, words.toPromotional],
    [no_longer_owed, words.notOwed],
  ] as const;
  return (
    <Stack gap="xs" className="numbers">
      <Text>{given_back.amount_minor ? words.back(moneyText(given_back)) : words.backNothing}</Text>
      {given_back.amount_minor > 0 && (
        <List>
          {parts
            .filter(([amount]) => amount.amount_minor > 0)
            .map(([amount, say]) => (
              <List.Item key={say(moneyText(amount))}>{say(moneyText(amount))}</List.Item>
            ))}
        </List>
      )}
      <Text>{charge.amount_minor ? words.last(moneyText(charge)) : words.lastNothing}</Text>
      {lines.length > 0 && (
        <List>
          {lines.map((line) => (
            <List.Item key={line.description}>
              {line.description}: {moneyText(line.amount)}
            </List.Item>
          ))}
        </List>
      )}
      {due.amount_minor > 0 && <Text>{words.due(moneyText(due))}</Text>}
      <Text size="sm" c="dimmed">
        {words.asOf}
      </Text>
    </Stack>
  );
}
