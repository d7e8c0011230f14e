/** Days of backup storage as they are drawn. */
import type { DayUsage } from "../../queries/usage";

const DAY_MS = 86_400_000;

export interface DayPoint {
  /** Of UTC, as `2026-03-12`. */
  day: string;
  /** Null where nothing is known of the day. */
  bytes: number | null;
}

/** Every day from the first to the last, also those of which nothing was said, in order. */
export function daySeries(days: readonly DayUsage[], from: string | null, until: string): DayPoint[] {
  const known = new Map(days.map(({ day, average_bytes }) => [day, average_bytes]));
  const first = from ?? [...known.keys()].sort()[0];
  if (first === undefined || first > until) return [];
  const points: DayPoint[] = [];
  for (let day = first; day <= until; day = dayAfter(day, 1)) points.push({ day, bytes: known.get(day) ?? null });
  return points;
}

/** The calendar day so many days after another one, or before it. */
export function dayAfter(day: string, count: number): string {
  return new Date(Date.parse(`${day}T00:00:00Z`) + count * DAY_MS).toISOString().slice(0, 10);
}

/** Today in UTC, which days are counted in. */
export function today(now: number = Date.now()): string {
  return new Date(now).toISOString().slice(0, 10);
}
