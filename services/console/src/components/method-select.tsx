import { NativeSelect } from "@mantine/core";
import { t } from "../messages";

interface Method {
  payment_method_id: string;
  brand: string;
  last4: string;
  is_default: boolean;
}

interface MethodSelectProps {
  label: string;
  methods: readonly Method[];
  /** By its id. */
  value: string;
  onChange: (methodId: string) => void;
}

/** Which card is charged. */
export function MethodSelect({ label, methods, value, onChange }: MethodSelectProps) {
  return (
    <NativeSelect
      label={label}
      value={value}
      onChange={(event) => onChange(event.currentTarget.value)}
      data={methods.map((method) => ({
        value: method.payment_method_id,
        label: cardText(method) + (method.is_default ? ` (${t.invoices.pay.defaultMethod})` : ""),
      }))}
    />
  );
}

export function cardText({ brand, last4 }: Pick<Method, "brand" | "last4">): string {
  return t.invoices.card(brand.charAt(0).toUpperCase() + brand.slice(1), last4);
}
