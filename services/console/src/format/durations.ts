const STEPS = [
  ["day", 86_400],
  ["hour", 3_600],
  ["minute", 60],
  ["second", 1],
] as const;

/** A length of time by its two largest units: "1 hr 12 min"; below a second it is 0 seconds. */
export function durationText(seconds: number, locale?: string): string {
  let rest = Math.max(0, Math.round(seconds));
  const parts: string[] = [];
  for (const [unit, size] of STEPS) {
    const count = Math.floor(rest / size);
    rest %= size;
    if (count > 0 || (unit === "second" && parts.length === 0)) {
      parts.push(new Intl.NumberFormat(locale, { style: "unit", unit, unitDisplay: "short" }).format(count));
    } else if (parts.length > 0) break;
    if (parts.length === 2) break;
  }
  return new Intl.ListFormat(locale, { type: "unit", style: "narrow" }).format(parts);
}
