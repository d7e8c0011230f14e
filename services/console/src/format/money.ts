export interface Money {
  amount_minor: number;
  currency: string;
}

/** An amount in the reader's way of writing it; exact, from minor units. A dash when there is none. */
export function moneyText(money: Money | null | undefined, locale?: string): string {
  if (!money) return "–";
  const format = new Intl.NumberFormat(locale, { style: "currency", currency: money.currency });
  const digits = format.resolvedOptions().maximumFractionDigits ?? 2;
  return format.format(decimal(money.amount_minor, digits));
}

// As a text, which Intl formats exactly whatever its length.
function decimal(amountMinor: number, digits: number): Intl.StringNumericLiteral {
  if (digits === 0) return `${amountMinor}`;
  const text = String(Math.abs(amountMinor)).padStart(digits + 1, "0");
  const whole = text.slice(0, -digits);
  return `${amountMinor < 0 ? "-" : ""}${whole}.${text.slice(-digits)}` as Intl.StringNumericLiteral;
}
