/** A habit in round numbers, as people speak of one. */
export interface Interval {
  count: number;
  unit: "minute" | "hour" | "day" | "week" | "month";
}

const MINUTE = 60;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const MONTH_DAYS = 30.4;

/** Below a minute it is every minute; full weeks are weeks, other days are days. */
export function intervalOf(seconds: number): Interval {
  if (seconds < 55 * MINUTE) return { count: Math.max(1, Math.round(seconds / MINUTE)), unit: "minute" };
  if (seconds < 22 * HOUR) return { count: Math.round(seconds / HOUR), unit: "hour" };
  const days = Math.round(seconds / DAY);
  if (days >= 28) return { count: Math.round(days / MONTH_DAYS), unit: "month" };
  return days % 7 === 0 ? { count: days / 7, unit: "week" } : { count: days, unit: "day" };
}
