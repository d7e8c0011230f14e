import { Alert, Anchor, Button, Skeleton, Stack, Text } from "@mantine/core";
import { IconAlertTriangle, IconClock } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { Link } from "react-router";
import { Ask } from "../../components/ask";
import { Facts } from "../../components/facts";
import { MethodSelect } from "../../components/method-select";
import { ProblemNote } from "../../components/problem-note";
import { instantText } from "../../format/instants";
import { type Money, moneyText } from "../../format/money";
import { t } from "../../messages";
import { useAttempt } from "../../queries/attempt";
import { type Invoice, type PayNow, usePayInvoice } from "../../queries/invoices";
import { paymentMethodsQuery } from "../../queries/payment-methods";
import { isDecided } from "../../queries/payments";

const words = t.invoices.pay;

export function isPayable({ state, due }: Pick<Invoice, "state" | "due">): boolean {
  return (state === "finalised" || state === "uncollectible") && due.amount_minor > 0;
}

/** What became of the last payment, while the invoice is not paid by it. */
export function PaymentNote({ invoice }: { invoice: Invoice }) {
  const last = invoice.payments.toSorted((one, other) => one.created_at.localeCompare(other.created_at)).at(-1);
  const underWay = last !== undefined && !isDecided(last);
  return (
    <div aria-live="polite">
      {underWay && (
        <Alert color="blue" variant="light" icon={<IconClock aria-hidden />}>
          <Text c="var(--mantine-color-text)">{words.underWay}</Text>
        </Alert>
      )}
      {!underWay && last?.state === "failed" && isPayable(invoice) && (
        <Alert color="red" variant="light" icon={<IconAlertTriangle aria-hidden />}>
          <Text c="var(--mantine-color-text)">{words.failed(instantText(last.created_at), last.reason ?? "")}</Text>
        </Alert>
      )}
    </div>
  );
}

/** The button that pays an open invoice, which asks with what. */
export function Pay({ invoice }: { invoice: Invoice }) {
  const [asking, setAsking] = useState(false);
  const { pay_now } = invoice;
  return (
    <>
      <Button onClick={() => setAsking(true)} disabled={pay_now === null}>
        {words.button(moneyText(invoice.due))}
      </Button>
      {asking && pay_now && <Dialog invoice={invoice} payNow={pay_now} onClose={() => setAsking(false)} />}
    </>
  );
}

function Dialog({ invoice, payNow, onClose }: { invoice: Invoice; payNow: PayNow; onClose: () => void }) {
  const methods = useQuery(paymentMethodsQuery);
  const [chosen, setChosen] = useState<string | null>(null);
  const attempt = useAttempt();
  const paying = usePayInvoice();
  const name = invoice.number ?? invoice.invoice_id;
  const cards = methods.data ?? [];
  const card = chosen ?? cards.find(({ is_default }) => is_default)?.payment_method_id ?? null;
  const needsCard = payNow.card.amount_minor > 0;
  return (
    <Ask
      title={words.title(name)}
      confirm={needsCard ? words.button(moneyText(payNow.card)) : words.confirm}
      disabled={needsCard && card === null}
      busy={paying.isPending}
      error={paying.error}
      onConfirm={() => paying.mutate({ name, paymentMethodId: card, key: attempt.key }, { onSuccess: onClose })}
      onClose={onClose}
    >
      <Stack>
        <PaidFrom due={invoice.due} payNow={payNow} />
        {needsCard && methods.isPending && <Skeleton h={60} />}
        {needsCard && methods.isError && <ProblemNote error={methods.error} onRetry={() => void methods.refetch()} />}
        {needsCard && card === null && methods.data && (
          <>
            <Text>{words.none}</Text>
            <Anchor component={Link} to="/billing/payment">
              {words.add}
            </Anchor>
          </>
        )}
        {needsCard && card !== null && (
          <MethodSelect label={words.method} methods={cards} value={card} onChange={setChosen} />
        )}
      </Stack>
    </Ask>
  );
}

/** From where what is due is paid, as the service reckons it. */
function PaidFrom({ due, payNow: { promotional, balance, card, carried } }: { due: Money; payNow: PayNow }) {
  return (
    <Facts
      facts={[
        [words.due, moneyText(due)],
        [words.promotional, promotional.amount_minor ? moneyText(promotional) : null],
        [words.balance, balance.amount_minor ? moneyText(balance) : null],
        [words.carried, carried.amount_minor ? moneyText(carried) : null],
        [words.byCard, card.amount_minor ? <strong key="card">{moneyText(card)}</strong> : null],
      ]}
    />
  );
}
