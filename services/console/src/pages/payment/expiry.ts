/** A card is good through the last day of its month. */
export function hasExpired(year: number, month: number, now: number): boolean {
  return now >= Date.UTC(year, month, 1);
}

/** Such as "Dec 2031". */
export function monthText(year: number, month: number, locale?: string): string {
  const format = new Intl.DateTimeFormat(locale, { year: "numeric", month: "short", timeZone: "UTC" });
  return format.format(new Date(Date.UTC(year, month - 1, 1)));
}
