/** The number of digits behind the point of a currency: 2 of USD, 0 of JPY. */
export function digitsOf(currency: string): number {
  return new Intl.NumberFormat("en", { style: "currency", currency }).resolvedOptions().maximumFractionDigits ?? 2;
}

/**
 * Minor units of an amount that a person typed, such as `12`, `12.5` or `12,50`; exact.
 *
 * @returns null for what is no amount, or finer than the currency.
 */
export function minorOf(typed: string, currency: string): number | null {
  const digits = digitsOf(currency);
  const found = /^(\d{1,12})(?:[.,](\d*))?$/.exec(typed.trim());
  if (!found?.[1]) return null;
  const fraction = found[2] ?? "";
  if (fraction.length > digits) return null;
  return Number(found[1] + fraction.padEnd(digits, "0"));
}

/** The same back, to be changed in a field: 1250 of USD is `12.50`, 1200 is `12`. */
export function typedAmount(amountMinor: number, currency: string): string {
  const digits = digitsOf(currency);
  if (digits === 0) return String(amountMinor);
  const text = String(amountMinor).padStart(digits + 1, "0");
  const fraction = text.slice(-digits);
  return /^0*$/.test(fraction) ? text.slice(0, -digits) : `${text.slice(0, -digits)}.${fraction}`;
}
