import { useElementSize } from "@mantine/hooks";
import { type PointerEvent, useMemo, useState } from "react";
import { sizeText } from "../format/sizes";
import {
  areaPath,
  type Box,
  type ChartPoint,
  linePath,
  nearest,
  type Placed,
  place,
  stretchesOf,
  ticksOf,
} from "./usage-chart.geometry";
import classes from "./usage-chart.module.css";

export type { ChartPoint };

interface UsageChartProps {
  /** What is drawn and what is to be seen in it, for who cannot see it. */
  label: string;
  /** In the order of time. */
  points: readonly ChartPoint[];
  /** How a point's time is written. */
  when: (at: string) => string;
  /** A line across, such as what is free. */
  limit?: { bytes: number; name: string };
  height?: number;
}

const LEFT = 76;
const RIGHT = 12;
const TOP = 10;
const BOTTOM = 28;
/** About as wide as a letter of an axis is. */
const LETTER = 6.5;

/** Sizes over time. Each value is read by pointing at it, or with the arrow keys. */
export function UsageChart({ label, points, when, limit, height = 240 }: UsageChartProps) {
  const { ref, width } = useElementSize();
  const [pointed, setPointed] = useState<Placed | null>(null);
  const box: Box = { left: LEFT, top: TOP, width: Math.max(0, width - LEFT - RIGHT), height: height - TOP - BOTTOM };
  const ticks = useMemo(
    () => ticksOf(Math.max(limit?.bytes ?? 0, ...points.map(({ bytes }) => bytes ?? 0))),
    [points, limit?.bytes],
  );
  const top = ticks.at(-1) ?? 1;
  const placed = place(points, top, box);
  const bottom = box.top + box.height;
  const yOf = (bytes: number) => box.top + (1 - bytes / top) * box.height;

  const known = placed.filter((each) => each !== null);
  const shown = pointed && known.find(({ point }) => isSame(point, pointed.point));

  function point(event: PointerEvent<SVGSVGElement>) {
    setPointed(nearest(placed, event.clientX - event.currentTarget.getBoundingClientRect().left));
  }
  return (
    <div className={classes.chart} ref={ref}>
      <div className={classes.read} aria-hidden>
        {shown && readingOf(shown, when)}
      </div>
      <input
        className={classes.keys}
        type="range"
        aria-label={label}
        aria-valuetext={readingOf(shown ?? known.at(-1), when)}
        min={0}
        max={Math.max(0, known.length - 1)}
        value={shown ? known.indexOf(shown) : Math.max(0, known.length - 1)}
        onChange={({ currentTarget }) => setPointed(known[Number(currentTarget.value)] ?? null)}
        onFocus={() => setPointed(known.at(-1) ?? null)}
        onBlur={() => setPointed(null)}
      />
      <svg
        className={classes.drawing}
        height={height}
        aria-hidden
        onPointerMove={point}
        onPointerDown={point}
        onPointerLeave={() => setPointed(null)}
      >
        {width > 0 && (
          <>
            {ticks.map((tick) => (
              <g key={tick}>
                <line className={classes.grid} x1={LEFT} x2={width - RIGHT} y1={yOf(tick)} y2={yOf(tick)} />
                <text x={LEFT - 8} y={yOf(tick)} textAnchor="end" dominantBaseline="middle">
                  {sizeText(tick)}
                </text>
              </g>
            ))}
            <Times points={points} when={when} box={box} y={height - 8} />
            {stretchesOf(placed).map((stretch) => (
              <Stretch key={stretch[0]?.point.at} stretch={stretch} bottom={bottom} />
            ))}
            {limit && (
              <>
                <line
                  className={classes.limit}
                  x1={LEFT}
                  x2={width - RIGHT}
                  y1={yOf(limit.bytes)}
                  y2={yOf(limit.bytes)}
                />
                <text className={classes.limitName} x={width - RIGHT} y={yOf(limit.bytes) + 15} textAnchor="end">
                  {limit.name}
                </text>
              </>
            )}
            {shown && (
              <>
                <line className={classes.cursor} x1={shown.x} x2={shown.x} y1={TOP} y2={bottom} />
                <circle className={classes.dot} cx={shown.x} cy={shown.y} r={4} />
              </>
            )}
          </>
        )}
      </svg>
    </div>
  );
}

function isSame(one: ChartPoint, other: ChartPoint): boolean {
  return one.at === other.at && one.bytes === other.bytes;
}

function readingOf(placed: Placed | undefined, when: (at: string) => string): string {
  return placed ? `${when(placed.point.at)}: ${sizeText(placed.point.bytes)}` : "";
}

function Stretch({ stretch, bottom }: { stretch: Placed[]; bottom: number }) {
  const [first] = stretch;
  if (stretch.length === 1 && first) return <circle className={classes.dot} cx={first.x} cy={first.y} r={3} />;
  return (
    <>
      <path className={classes.area} d={areaPath(stretch, bottom)} />
      <path className={classes.line} d={linePath(stretch)} />
    </>
  );
}

/** The first and the last time, which are of more use than round ones between. */
function Times({
  points,
  when,
  box,
  y,
}: {
  points: readonly ChartPoint[];
  when: (at: string) => string;
  box: Box;
  y: number;
}) {
  const [first, last] = [points[0], points.at(-1)];
  if (!first || !last) return null;
  if (first === last) {
    return (
      <text x={box.left + box.width / 2} y={y} textAnchor="middle">
        {when(first.at)}
      </text>
    );
  }
  const [begun, ended] = [when(first.at), when(last.at)];
  // Where both would meet the first one begins below the sizes instead.
  const fits = (begun.length + ended.length + 4) * LETTER < box.width;
  return (
    <>
      <text x={fits ? box.left : 0} y={y}>
        {begun}
      </text>
      <text x={box.left + box.width} y={y} textAnchor="end">
        {ended}
      </text>
    </>
  );
}
