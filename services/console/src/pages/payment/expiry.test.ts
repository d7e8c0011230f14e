import { expect, test } from "vitest";
import { hasExpired, monthText } from "./expiry";

test.each([
  [Date.UTC(2031, 11, 31, 23, 59, 59), false],
  [Date.UTC(2032, 0, 1), true],
])("a card of December 2031 at %d", (now, expired) => {
  expect(hasExpired(2031, 12, now)).toBe(expired);
});

test("its month is written in words", () => {
  expect(monthText(2031, 12, "en")).toBe("Dec 2031");
  expect(monthText(2029, 1, "en")).toBe("Jan 2029");
});
