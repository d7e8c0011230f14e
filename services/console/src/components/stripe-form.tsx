import { Alert, Button, Group, Skeleton, Stack, Text, useComputedColorScheme } from "@mantine/core";
import { type FormEvent, useEffect, useRef, useState } from "react";
import { t } from "../messages";
import type { GivenProps } from "./card-form";
import { ProblemNote } from "./problem-note";
import { type Elements, loadStripe, type PaymentElement, type Stripe } from "./stripe";

type Shown = "loading" | "ready" | "failed";

/** A card given in Stripe's own frame: its number is never here, only a token for it. */
export function StripeForm({
  publishableKey,
  label,
  secondary,
  busy,
  error,
  onGiven,
}: GivenProps<string> & { publishableKey: string }) {
  const frame = useRef<HTMLDivElement>(null);
  const parts = useRef<{ stripe: Stripe; elements: Elements } | null>(null);
  const [shown, setShown] = useState<Shown>("loading");
  const [attempt, setAttempt] = useState(0);
  const [refusal, setRefusal] = useState<string | null>(null);
  const [asking, setAsking] = useState(false);
  const scheme = useComputedColorScheme("light");

  // biome-ignore lint/correctness/useExhaustiveDependencies: another attempt loads again
  useEffect(() => {
    let element: PaymentElement | null = null;
    let left = false;
    setShown("loading");
    loadStripe(publishableKey)
      .then((stripe) => {
        if (left || !frame.current) return;
        const elements = stripe.elements({
          mode: "setup",
          paymentMethodCreation: "manual",
          paymentMethodTypes: ["card"],
          appearance: { theme: scheme === "dark" ? "night" : "stripe" },
        });
        parts.current = { stripe, elements };
        element = elements.create("payment", { wallets: { applePay: "never", googlePay: "never" } });
        element.on("ready", () => setShown("ready"));
        element.on("loaderror", () => setShown("failed"));
        element.mount(frame.current);
      })
      .catch(() => {
        if (!left) setShown("failed");
      });
    return () => {
      left = true;
      parts.current = null;
      element?.destroy();
    };
  }, [publishableKey, scheme, attempt]);

  async function submit(event: FormEvent) {
    event.preventDefault();
    if (!parts.current) return;
    const { stripe, elements } = parts.current;
    setRefusal(null);
    setAsking(true);
    try {
      const checked = await elements.submit();
      const made = checked.error ? null : await stripe.createPaymentMethod({ elements });
      const refused = checked.error ?? made?.error;
      if (made?.paymentMethod) onGiven(made.paymentMethod.id);
      else setRefusal(refused?.message ?? t.card.stripe.incomplete);
    } finally {
      setAsking(false);
    }
  }
  return (
    <form onSubmit={submit}>
      <Stack>
        {shown === "loading" && <Skeleton h={220} aria-busy aria-label={t.card.stripe.loading} />}
        {/* biome-ignore lint/a11y/useSemanticElements: a fieldset would draw a border around Stripe's own */}
        <div ref={frame} role="group" aria-label={t.card.stripe.frame} />
        {shown === "failed" && (
          <Alert role="alert" color="red" variant="light">
            <Stack gap="xs" align="flex-start">
              <Text c="var(--mantine-color-text)">{t.card.stripe.failed}</Text>
              <Button size="xs" variant="default" onClick={() => setAttempt(attempt + 1)}>
                {t.shell.tryAgain}
              </Button>
            </Stack>
          </Alert>
        )}
        {refusal && (
          <Alert role="alert" color="red" variant="light">
            <Text c="var(--mantine-color-text)">{refusal}</Text>
          </Alert>
        )}
        {error != null && <ProblemNote error={error} />}
        <Group>
          <Button
            type="submit"
            loading={busy || asking}
            disabled={shown !== "ready"}
            variant={secondary ? "default" : "filled"}
          >
            {label}
          </Button>
        </Group>
      </Stack>
    </form>
  );
}
