import { expect, test } from "vitest";
import { stepsOf } from "./levels";

const CREATED = "2026-03-01T00:00:00Z";
const NOW = "2026-03-10T00:00:00Z";

function level(day: number, storage_bytes: number) {
  return { measured_at: `2026-03-0${day}T00:00:00Z`, storage_bytes, objects: 1 };
}

test("nothing measured is nothing shown", () => {
  expect(stepsOf([], CREATED, NOW)).toEqual([]);
});

test("each level holds until the next, and the last one until now", () => {
  const points = stepsOf([level(2, 10), level(5, 30)], CREATED, NOW);
  expect(points.map(({ at, bytes }) => [at.slice(8, 10), bytes])).toEqual([
    ["01", 0],
    ["02", 0],
    ["02", 10],
    ["05", 10],
    ["05", 30],
    ["10", 30],
  ]);
});

test("a level as old as the backup begins the line", () => {
  expect(stepsOf([level(1, 7)], CREATED, NOW)).toEqual([
    { at: CREATED, bytes: 7 },
    { at: NOW, bytes: 7 },
  ]);
});

test("a clock that is behind the last level adds nothing after it", () => {
  const points = stepsOf([level(1, 7), level(9, 8)], CREATED, "2026-03-08T00:00:00Z");
  expect(points.at(-1)).toEqual({ at: "2026-03-09T00:00:00Z", bytes: 8 });
});
