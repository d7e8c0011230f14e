import { Badge, Box, Group, Radio, Skeleton, Stack, Text } from "@mantine/core";
import type { UseQueryResult } from "@tanstack/react-query";
import { useState } from "react";
import { CardForm } from "../../components/card-form";
import { ProblemNote } from "../../components/problem-note";
import { t } from "../../messages";
import type { PaymentMethod } from "../../queries/payment-methods";

const words = t.restore.pay;
const ANOTHER = "another";

interface MethodChoiceProps {
  methods: UseQueryResult<PaymentMethod[]>;
  method: string | null;
  onChange: (paymentMethodId: string) => void;
}

/** The card that is charged: one of the owner's, or another that is added here. */
export function MethodChoice({ methods, method, onChange }: MethodChoiceProps) {
  const [adding, setAdding] = useState(false);
  if (methods.isError && !methods.data) {
    return <ProblemNote error={methods.error} onRetry={() => void methods.refetch()} />;
  }
  if (!methods.data) return <Skeleton h={120} aria-busy aria-label={t.shell.loading} />;
  const isFirst = methods.data.length === 0;

  function added({ payment_method_id }: PaymentMethod) {
    setAdding(false);
    onChange(payment_method_id);
  }
  if (isFirst) {
    return (
      <Stack>
        <Text>{words.methodNone}</Text>
        <CardForm secondary onAdded={added} label={words.addAndUse} />
      </Stack>
    );
  }
  return (
    <Stack>
      <Radio.Group
        aria-label={words.method}
        value={adding ? ANOTHER : method}
        onChange={(value) => {
          setAdding(value === ANOTHER);
          if (value !== ANOTHER) onChange(value);
        }}
      >
        <Stack gap="sm">
          {methods.data.map((each) => (
            <Radio key={each.payment_method_id} value={each.payment_method_id} label={<Card method={each} />} />
          ))}
          <Radio value={ANOTHER} label={words.another} />
        </Stack>
      </Radio.Group>
      {adding && (
        <Box pl={{ base: 0, sm: "xl" }}>
          <CardForm secondary onAdded={added} label={words.addAndUse} />
        </Box>
      )}
    </Stack>
  );
}

function Card({ method: { brand, last4, exp_month, exp_year, is_default } }: { method: PaymentMethod }) {
  const expired = new Date(exp_year, exp_month) <= new Date();
  return (
    <Group gap="xs">
      <span className="numbers">
        {t.card.name(brand, last4)}, {String(exp_month).padStart(2, "0")}/{exp_year}
      </span>
      {is_default && (
        <Badge variant="light" color="gray" tt="none">
          {words.default}
        </Badge>
      )}
      {expired && (
        <Badge variant="light" color="red" tt="none">
          {words.expired}
        </Badge>
      )}
    </Group>
  );
}
