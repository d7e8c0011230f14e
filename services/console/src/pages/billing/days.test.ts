import { expect, test } from "vitest";
import type { DayUsage } from "../../queries/usage";
import { dayAfter, daySeries, today } from "./days";

function use(day: string, average_bytes: number): DayUsage {
  return {
    day,
    average_bytes,
    peak_bytes: average_bytes,
    charged_gb_hours: "0",
    charge: { amount_minor: 0, currency: "USD" },
  };
}

test("a day of which nothing is known is a gap, not a zero", () => {
  expect(daySeries([use("2026-02-27", 5), use("2026-03-01", 0)], "2026-02-26", "2026-03-02")).toEqual([
    { day: "2026-02-26", bytes: null },
    { day: "2026-02-27", bytes: 5 },
    { day: "2026-02-28", bytes: null },
    { day: "2026-03-01", bytes: 0 },
    { day: "2026-03-02", bytes: null },
  ]);
});

test("without a first day it begins with the first that is known", () => {
  expect(daySeries([use("2026-03-02", 1), use("2026-03-01", 2)], null, "2026-03-02").map(({ bytes }) => bytes)).toEqual(
    [2, 1],
  );
});

test("nothing known and no first day is nothing to draw", () => {
  expect(daySeries([], null, "2026-03-02")).toEqual([]);
  expect(daySeries([], "2026-03-03", "2026-03-02")).toEqual([]);
});

test.each([
  ["2026-02-28", 1, "2026-03-01"],
  ["2028-02-28", 1, "2028-02-29"],
  ["2026-01-01", -1, "2025-12-31"],
  // A night in which clocks are put on in much of Europe.
  ["2026-03-28", 2, "2026-03-30"],
])("%s and %d days", (day, count, found) => {
  expect(dayAfter(day, count)).toBe(found);
});

test("today is UTC's", () => {
  expect(today(Date.UTC(2026, 2, 12, 23, 59))).toBe("2026-03-12");
});
