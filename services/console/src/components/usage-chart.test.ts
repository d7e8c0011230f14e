import { expect, test } from "vitest";
import { areaPath, linePath, nearest, place, stretchesOf, ticksOf } from "./usage-chart.geometry";

const GB = 2 ** 30;
const BOX = { left: 10, top: 0, width: 100, height: 50 };

test.each([
  [0, [0, 1024]],
  [10 * GB, [0, 2.5 * GB, 5 * GB, 7.5 * GB, 10 * GB]],
  [13 * GB, [0, 5 * GB, 10 * GB, 15 * GB]],
  [1, [0, 0.25, 0.5, 0.75, 1]],
])("up to %d bytes there are lines at %j", (largest, ticks) => {
  expect(ticksOf(largest)).toEqual(ticks);
});

test("the largest size is never above the highest line", () => {
  for (let bytes = 1; bytes < 2 ** 50; bytes *= 1.37) {
    const ticks = ticksOf(bytes);
    expect(ticks.at(-1)).toBeGreaterThanOrEqual(bytes * 0.999999);
    expect(ticks.length).toBeLessThanOrEqual(6);
  }
});

test("points lie by their time, not by their number", () => {
  const points = [
    { at: "2026-03-01", bytes: 0 },
    { at: "2026-03-02", bytes: 10 },
    { at: "2026-03-05", bytes: 5 },
  ];
  expect(place(points, 10, BOX).map((each) => each && [each.x, each.y])).toEqual([
    [10, 50],
    [35, 0],
    [110, 25],
  ]);
});

test("one point alone is in the middle", () => {
  expect(place([{ at: "2026-03-01", bytes: 1 }], 1, BOX)[0]?.x).toBe(60);
});

test("a gap breaks the line", () => {
  const points = [
    { at: "2026-03-01", bytes: 1 },
    { at: "2026-03-02", bytes: null },
    { at: "2026-03-03", bytes: 2 },
    { at: "2026-03-04", bytes: 2 },
  ];
  const placed = place(points, 2, BOX);
  expect(stretchesOf(placed).map((stretch) => stretch.length)).toEqual([1, 2]);
  expect(nearest(placed, 40)?.point.at).toBe("2026-03-01");
  expect(nearest(placed, 50)?.point.at).toBe("2026-03-03");
});

test("the area goes down at both ends of the line", () => {
  const stretch = [
    { x: 0, y: 5, point: { at: "", bytes: 1 } },
    { x: 10, y: 0, point: { at: "", bytes: 2 } },
  ];
  expect(linePath(stretch)).toBe("M0.0 5.0L10.0 0.0");
  expect(areaPath(stretch, 20)).toBe("M0.0 5.0L10.0 0.0L10.0 20L0.0 20Z");
  expect(areaPath([], 20)).toBe("");
});
