/** Where the parts of a chart of sizes over time are drawn; pure. */

export interface ChartPoint {
  /** An instant, or a calendar day of UTC. */
  at: string;
  /** Null where nothing is known: the line is broken there. */
  bytes: number | null;
}

export interface Box {
  left: number;
  top: number;
  width: number;
  height: number;
}

export interface Placed {
  x: number;
  y: number;
  point: ChartPoint;
}

/** Round sizes from 0 up to the first that is not below the largest; 2 to 5 of them. */
export function ticksOf(largestBytes: number): number[] {
  if (largestBytes <= 0) return [0, 1024];
  const unit = 1024 ** Math.floor(Math.log(largestBytes) / Math.log(1024));
  const wanted = largestBytes / unit / 4;
  const power = 10 ** Math.floor(Math.log10(wanted));
  const step = ([1, 2, 2.5, 5, 10].find((round) => round * power >= wanted) ?? 10) * power * unit;
  const count = Math.ceil(largestBytes / step);
  return Array.from({ length: count + 1 }, (_, place) => place * step);
}

/** Each known point by its time and size; one alone is in the middle. */
export function place(points: readonly ChartPoint[], topBytes: number, box: Box): (Placed | null)[] {
  const times = points.map(({ at }) => Date.parse(at));
  const first = times[0] ?? 0;
  const span = (times.at(-1) ?? 0) - first;
  return points.map((point, number) => {
    if (point.bytes === null) return null;
    const along = span > 0 ? ((times[number] ?? first) - first) / span : 0.5;
    return { x: box.left + along * box.width, y: box.top + (1 - point.bytes / topBytes) * box.height, point };
  });
}

/** The stretches between gaps. */
export function stretchesOf(placed: readonly (Placed | null)[]): Placed[][] {
  const stretches: Placed[][] = [];
  let open: Placed[] | null = null;
  for (const each of placed) {
    if (each === null) {
      open = null;
    } else if (open === null) {
      open = [each];
      stretches.push(open);
    } else {
      open.push(each);
    }
  }
  return stretches;
}

export function linePath(stretch: readonly Placed[]): string {
  return stretch.map(({ x, y }, number) => `${number === 0 ? "M" : "L"}${x.toFixed(1)} ${y.toFixed(1)}`).join("");
}

/** What lies under the line, down to `bottom`. */
export function areaPath(stretch: readonly Placed[], bottom: number): string {
  const [first, last] = [stretch[0], stretch.at(-1)];
  if (!first || !last) return "";
  return `${linePath(stretch)}L${last.x.toFixed(1)} ${bottom}L${first.x.toFixed(1)} ${bottom}Z`;
}

/** The known point that is nearest to a place along the chart; of two at one time the later one. */
export function nearest(placed: readonly (Placed | null)[], x: number): Placed | null {
  let found: Placed | null = null;
  for (const each of placed) {
    if (each && (found === null || Math.abs(each.x - x) <= Math.abs(found.x - x))) found = each;
  }
  return found;
}
