/** What a chart shows of levels that hold until the next one; pure. */
import type { ChartPoint } from "../../components/usage-chart";
import type { UsageLevel } from "../../queries/backups";

/**
 * The levels as a line of steps, from nothing at the creation to what is held now.
 *
 * @param until - Where the last level has come to, an instant.
 */
export function stepsOf(levels: readonly UsageLevel[], createdAt: string, until: string): ChartPoint[] {
  const first = levels[0];
  if (first === undefined) return [];
  // Of a backup found in the store the creation is when its objects say; what it held before it was seen is not known.
  const points: ChartPoint[] = isBefore(createdAt, first.measured_at) ? [{ at: createdAt, bytes: 0 }] : [];
  for (const { measured_at, storage_bytes } of levels) {
    const before = points.at(-1);
    if (before) points.push({ at: measured_at, bytes: before.bytes });
    points.push({ at: measured_at, bytes: storage_bytes });
  }
  const last = points.at(-1);
  if (last && isBefore(last.at, until)) points.push({ at: until, bytes: last.bytes });
  return points;
}

function isBefore(earlier: string, later: string): boolean {
  return Date.parse(earlier) < Date.parse(later);
}
