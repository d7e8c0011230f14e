import { expect, test } from "vitest";
import type { LogLine } from "../../queries/instances";
import { asText, MOST_LINES, NOTHING, withLines } from "./log-lines";

function line(number: number): LogLine {
  return { number, logged_at: "2026-03-12T11:00:00Z", source: "agent", line: `line ${number}` };
}

function numbers(count: number, from = 1): LogLine[] {
  return Array.from({ length: count }, (_, place) => line(from + place));
}

test("lines are added in order, and those that are told again are not", () => {
  const first = withLines(NOTHING, numbers(3));
  const again = withLines(first, numbers(3, 2));
  expect(again.lines.map(({ number }) => number)).toEqual([1, 2, 3, 4]);
  expect(withLines(again, numbers(4))).toBe(again);
});

test("only the newest are kept, and it is known that there were others", () => {
  const all = withLines(NOTHING, numbers(MOST_LINES));
  expect(all.cut).toBe(false);
  const more = withLines(all, numbers(2, MOST_LINES + 1));
  expect(more.lines).toHaveLength(MOST_LINES);
  expect(more.lines[0]?.number).toBe(3);
  expect(more.cut).toBe(true);
  expect(withLines(NOTHING, numbers(2, 40)).cut).toBe(true);
});

test("as a text each line says when and where it was written", () => {
  expect(asText(numbers(2))).toBe("2026-03-12T11:00:00Z agent line 1\n2026-03-12T11:00:00Z agent line 2\n");
});
