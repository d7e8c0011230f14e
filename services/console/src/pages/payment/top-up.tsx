import { Alert, Button, Group, Modal, Skeleton, Stack, Text, TextInput } from "@mantine/core";
import { IconAlertTriangle, IconCheck, IconClock } from "@tabler/icons-react";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useEffect, useState } from "react";
import { MethodSelect } from "../../components/method-select";
import { ProblemNote } from "../../components/problem-note";
import { useReturnedFocus } from "../../components/use-returned-focus";
import { minorOf } from "../../format/amounts";
import { moneyText } from "../../format/money";
import { t } from "../../messages";
import { useAttempt } from "../../queries/attempt";
import { balanceQuery, useTopUp } from "../../queries/balance";
import { paymentMethodsQuery } from "../../queries/payment-methods";
import { isDecided, type Payment, paymentQuery } from "../../queries/payments";

const words = t.payment.balance;

interface TopUpProps {
  currency: string;
  onClose: () => void;
}

/** Pays into the balance by card, and says what became of it. */
export function TopUp({ currency, onClose }: TopUpProps) {
  const [asked, setAsked] = useState<Payment | null>(null);
  useReturnedFocus();
  return (
    <Modal
      opened
      returnFocus={false}
      onClose={onClose}
      title={words.topUpTitle}
      closeButtonProps={{ "aria-label": t.shell.close }}
    >
      {asked && asked.state !== "failed" ? (
        <Outcome asked={asked} onClose={onClose} onFailed={setAsked} />
      ) : (
        <Form currency={currency} failed={asked} onAsked={setAsked} onClose={onClose} />
      )}
    </Modal>
  );
}

function Form({
  currency,
  failed,
  onAsked,
  onClose,
}: TopUpProps & { failed: Payment | null; onAsked: (payment: Payment) => void }) {
  const [typed, setTyped] = useState("");
  const [chosen, setChosen] = useState<string | null>(null);
  const [wrong, setWrong] = useState(false);
  const methods = useQuery(paymentMethodsQuery);
  const attempt = useAttempt();
  const paying = useTopUp();
  const amount = minorOf(typed, currency);
  const cards = methods.data ?? [];
  const card = chosen ?? cards.find(({ is_default }) => is_default)?.payment_method_id ?? null;

  function submit(event: FormEvent) {
    event.preventDefault();
    setWrong(amount === null);
    if (amount === null || card === null) return;
    paying.mutate(
      { amount: { amount_minor: amount, currency }, paymentMethodId: card, key: attempt.key },
      {
        onSuccess: (payment) => {
          // What failed has an answer of its own for its key: another try is another payment.
          attempt.renew();
          onAsked(payment);
        },
      },
    );
  }
  if (methods.isPending) return <Skeleton h={160} aria-busy aria-label={t.shell.loading} />;
  if (methods.isError) return <ProblemNote error={methods.error} onRetry={() => void methods.refetch()} />;
  if (card === null) return <Text>{words.needsCard}</Text>;
  return (
    <form onSubmit={submit} noValidate>
      <Stack>
        <Text>{words.topUpText}</Text>
        <TextInput
          label={words.amount(currency)}
          inputMode="decimal"
          value={typed}
          error={wrong && words.amountWrong}
          onChange={(event) => {
            setTyped(event.currentTarget.value);
            attempt.renew();
          }}
          data-autofocus
        />
        <MethodSelect
          label={words.method}
          methods={cards}
          value={card}
          onChange={(methodId) => {
            setChosen(methodId);
            attempt.renew();
          }}
        />
        {failed && !paying.isError && !paying.isPending && (
          <Alert role="alert" color="red" variant="light" icon={<IconAlertTriangle aria-hidden />}>
            <Text c="var(--mantine-color-text)">{words.failed(failed.reason ?? "")}</Text>
          </Alert>
        )}
        {paying.isError && <ProblemNote error={paying.error} />}
        <Group justify="flex-end">
          <Button variant="default" onClick={onClose}>
            {t.shell.cancel}
          </Button>
          <Button type="submit" loading={paying.isPending}>
            {amount ? words.confirm(moneyText({ amount_minor: amount, currency })) : words.confirmNothing}
          </Button>
        </Group>
      </Stack>
    </form>
  );
}

interface OutcomeProps {
  asked: Payment;
  onClose: () => void;
  onFailed: (payment: Payment) => void;
}

function Outcome({ asked, onClose, onFailed }: OutcomeProps) {
  const client = useQueryClient();
  const payment = useQuery({ ...paymentQuery(asked.payment_id), enabled: !isDecided(asked) }).data ?? asked;
  const decided = isDecided(payment);
  const through = payment.state === "captured";

  useEffect(() => {
    if (decided) void client.invalidateQueries({ queryKey: balanceQuery.queryKey });
    if (payment.state === "failed") onFailed(payment);
  }, [client, decided, payment, onFailed]);
  return (
    <Stack>
      <Alert
        role="status"
        color={through ? "green" : "blue"}
        variant="light"
        icon={through ? <IconCheck aria-hidden /> : <IconClock aria-hidden />}
      >
        <Text c="var(--mantine-color-text)">{through ? words.done(moneyText(payment.captured)) : words.underWay}</Text>
      </Alert>
      <Group justify="flex-end">
        <Button onClick={onClose}>{t.shell.close}</Button>
      </Group>
    </Stack>
  );
}
