import { Badge, Button, Group, Modal, Skeleton, Stack, Text } from "@mantine/core";
import { IconCheck, IconCreditCard } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { Ask } from "../../components/ask";
import { CardForm } from "../../components/card-form";
import { cardText } from "../../components/method-select";
import { Panel } from "../../components/panel";
import { ProblemNote } from "../../components/problem-note";
import { t } from "../../messages";
import {
  type PaymentMethod,
  paymentMethodsQuery,
  useMakeDefault,
  useRemovePaymentMethod,
} from "../../queries/payment-methods";
import { hasExpired, monthText } from "./expiry";
import classes from "./methods.module.css";

const words = t.payment.methods;

/** The cards that are charged. */
export function Methods() {
  const [adding, setAdding] = useState(false);
  const found = useQuery(paymentMethodsQuery);
  return (
    <Panel
      title={words.title}
      actions={
        <Button size="xs" onClick={() => setAdding(true)}>
          {words.add}
        </Button>
      }
    >
      {found.isPending && <Skeleton h={64} />}
      {found.isError && !found.data && <ProblemNote error={found.error} onRetry={() => void found.refetch()} />}
      {found.data?.length === 0 && <Text>{words.none}</Text>}
      {found.data && found.data.length > 0 && (
        <ul className={classes.list}>
          {found.data.map((method) => (
            <Method key={method.payment_method_id} method={method} isOnly={found.data.length === 1} />
          ))}
        </ul>
      )}
      <Modal
        opened={adding}
        onClose={() => setAdding(false)}
        title={words.addTitle}
        closeButtonProps={{ "aria-label": t.shell.close }}
      >
        <CardForm onAdded={() => setAdding(false)} />
      </Modal>
    </Panel>
  );
}

function Method({ method, isOnly }: { method: PaymentMethod; isOnly: boolean }) {
  const [removing, setRemoving] = useState(false);
  const making = useMakeDefault();
  const card = cardText(method);
  const month = monthText(method.exp_year, method.exp_month);
  const expired = hasExpired(method.exp_year, method.exp_month, Date.now());
  return (
    <li>
      <Group justify="space-between" gap="sm">
        <Group gap="sm" wrap="nowrap">
          <IconCreditCard size={22} stroke={1.5} aria-hidden />
          <Stack gap={0}>
            <Text fw={600}>{card}</Text>
            <Text size="sm" c={expired ? "var(--mantine-color-error)" : "dimmed"}>
              {expired ? words.expired(month) : words.expires(month)}
            </Text>
          </Stack>
        </Group>
        <Group gap="sm">
          {method.is_default ? (
            <Badge variant="light" color="green" tt="none" leftSection={<IconCheck size={14} aria-hidden />}>
              {words.default}
            </Badge>
          ) : (
            <Button
              size="xs"
              variant="default"
              loading={making.isPending}
              aria-label={words.makeDefaultOf(card)}
              onClick={() => making.mutate(method.payment_method_id)}
            >
              {words.makeDefault}
            </Button>
          )}
          <Button size="xs" variant="default" aria-label={words.removeOf(card)} onClick={() => setRemoving(true)}>
            {words.remove}
          </Button>
        </Group>
      </Group>
      {making.isError && <ProblemNote error={making.error} />}
      {removing && <Remove method={method} isOnly={isOnly} onClose={() => setRemoving(false)} />}
    </li>
  );
}

function Remove({ method, isOnly, onClose }: { method: PaymentMethod; isOnly: boolean; onClose: () => void }) {
  const removing = useRemovePaymentMethod();
  const follows = isOnly ? words.removeLast : method.is_default ? words.removeDefault : null;
  return (
    <Ask
      dangerous
      title={words.removeTitle(cardText(method))}
      confirm={words.remove}
      busy={removing.isPending}
      error={removing.error}
      onConfirm={() => removing.mutate(method.payment_method_id, { onSuccess: onClose })}
      onClose={onClose}
    >
      <Text>{words.removeText}</Text>
      {follows && <Text>{follows}</Text>}
    </Ask>
  );
}
