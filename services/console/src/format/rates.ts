/** A price of a unit in the reader's way of writing it, from a decimal text: "0.08" of USD is "$0.08". */
export function rateText(rate: string, currency: string, locale?: string): string {
  const format = new Intl.NumberFormat(locale, { style: "currency", currency, maximumFractionDigits: 8 });
  return format.format(rate as Intl.StringNumericLiteral);
}
