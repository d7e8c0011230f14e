import { Alert, Button, Grid, Group, Skeleton, Stack, Text, TextInput } from "@mantine/core";
import { IconTestPipe } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { Problem } from "../api/problem";
import { cardCode, cardDigits, cardExpiry } from "../format/cards";
import { t } from "../messages";
import { useAttempt } from "../queries/attempt";
import { type NewMethod, type PaymentMethod, paymentFormQuery, useAddPaymentMethod } from "../queries/payment-methods";
import { CopyField } from "./copy-field";
import { ProblemNote } from "./problem-note";
import { StripeForm } from "./stripe-form";

interface CardFormProps {
  onAdded: (method: PaymentMethod) => void;
  /** What the button says, where it is more than that the card is added. */
  label?: string;
  /** Where the page has another button that matters more. */
  secondary?: boolean;
}

/** Adds a card, in the way that the payment provider in use takes one. */
export function CardForm({ onAdded, label = t.card.add, secondary = false }: CardFormProps) {
  const form = useQuery(paymentFormQuery);
  const attempt = useAttempt();
  const adding = useAddPaymentMethod();

  function add(method: NewMethod) {
    adding.mutate(
      { method, key: attempt.key },
      {
        onSuccess: (added) => {
          attempt.renew();
          onAdded(added);
        },
        onError: (error) => {
          // Refused for good: what is sent next is another card.
          if (error instanceof Problem && error.status >= 400 && error.status < 500) attempt.renew();
        },
      },
    );
  }
  if (form.isError) return <ProblemNote error={form.error} onRetry={() => void form.refetch()} />;
  if (form.isPending) return <Skeleton h={220} aria-busy aria-label={t.shell.loading} />;
  const { provider, publishable_key } = form.data;
  const given = { label, secondary, busy: adding.isPending, error: adding.error };
  if (provider === "sandbox") return <SandboxForm {...given} onGiven={(card) => add({ card })} />;
  if (publishable_key === null) return <Elsewhere />;
  return <StripeForm {...given} publishableKey={publishable_key} onGiven={(token) => add({ token })} />;
}

export interface GivenProps<Given> {
  label: string;
  secondary: boolean;
  busy: boolean;
  error: unknown;
  onGiven: (given: Given) => void;
}

type SandboxCard = Extract<NewMethod, { card: unknown }>["card"];
type Field = "number" | "expiry" | "code";

const EMPTY: Record<Field, string> = { number: "", expiry: "", code: "" };
const TEST_CARDS = [
  ["4242 4242 4242 4242", t.card.sandbox.pays],
  ["4000 0000 0000 0341", t.card.sandbox.declines],
  ["4000 0027 6000 3184", t.card.sandbox.authentication],
] as const;

function SandboxForm({ label, secondary, busy, error, onGiven }: GivenProps<SandboxCard>) {
  const [typed, setTyped] = useState(EMPTY);
  const [shown, setShown] = useState(false);
  const number = cardDigits(typed.number);
  const expiry = cardExpiry(typed.expiry);
  const cvc = cardCode(typed.code);

  function submit(event: FormEvent) {
    event.preventDefault();
    setShown(true);
    if (number && expiry && cvc) onGiven({ number, exp_month: expiry.month, exp_year: expiry.year, cvc });
  }
  function field(name: Field, isRight: boolean, wrong: string) {
    return {
      value: typed[name],
      onChange: ({ currentTarget: { value } }: { currentTarget: { value: string } }) =>
        setTyped((before) => ({ ...before, [name]: value })),
      error: shown && !isRight ? wrong : null,
      // A browser would offer the owner's real cards, which are refused here.
      autoComplete: "off",
      inputMode: "numeric" as const,
      required: true,
    };
  }
  return (
    <form onSubmit={submit} noValidate>
      <Stack>
        <Alert color="yellow" variant="light" icon={<IconTestPipe aria-hidden />} title={t.card.sandbox.title}>
          <Stack gap="xs">
            <Text c="var(--mantine-color-text)">{t.card.sandbox.text}</Text>
            {TEST_CARDS.map(([digits, what]) => (
              <Group key={digits} gap="sm">
                <Button
                  size="compact-sm"
                  variant="default"
                  aria-label={t.card.sandbox.fillIn(what)}
                  onClick={() => setTyped({ number: digits, expiry: inThreeYears(), code: "123" })}
                >
                  {t.card.sandbox.use}
                </Button>
                <Text size="sm" c="var(--mantine-color-text)" className="numbers">
                  {digits} {what}
                </Text>
              </Group>
            ))}
          </Stack>
        </Alert>
        <TextInput label={t.card.number} maxLength={40} {...field("number", number !== null, t.card.numberWrong)} />
        <Grid>
          <Grid.Col span={{ base: 12, xs: 6 }}>
            <TextInput
              label={t.card.expiry}
              placeholder={t.card.expiryHint}
              maxLength={9}
              {...field("expiry", expiry !== null, t.card.expiryWrong)}
            />
          </Grid.Col>
          <Grid.Col span={{ base: 12, xs: 6 }}>
            <TextInput label={t.card.code} maxLength={4} {...field("code", cvc !== null, t.card.codeWrong)} />
          </Grid.Col>
        </Grid>
        {error != null && <ProblemNote error={error} />}
        <Group>
          <Button type="submit" loading={busy} variant={secondary ? "default" : "filled"}>
            {label}
          </Button>
        </Group>
      </Stack>
    </form>
  );
}

function inThreeYears(): string {
  return `12/${String((new Date().getFullYear() + 3) % 100).padStart(2, "0")}`;
}

function Elsewhere() {
  return (
    <Alert color="blue" variant="light" title={t.card.elsewhere.title}>
      <Stack gap="xs">
        <Text c="var(--mantine-color-text)">{t.card.elsewhere.text}</Text>
        <CopyField value={t.card.elsewhere.command} what={t.card.elsewhere.commandName} />
      </Stack>
    </Alert>
  );
}
