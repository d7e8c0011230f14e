import { expect, test } from "vitest";
import { durationText } from "./durations";
import { ageText, calendarDayText } from "./instants";
import { moneyText } from "./money";
import { sizeText } from "./sizes";

test.each([
  [null, "–"],
  [0, "0 B"],
  [1023, "1,023 B"],
  [1024, "1.00 KB"],
  [1_048_575, "1.00 MB"],
  [2.34 * 2 ** 30, "2.34 GB"],
  [10 * 2 ** 30, "10.00 GB"],
  [3 * 2 ** 50, "3.00 PB"],
])("%s bytes are %s", (bytes, text) => {
  expect(sizeText(bytes, "en")).toBe(text);
});

test("sizes follow the reader's way of writing numbers", () => {
  expect(sizeText(2.34 * 2 ** 30, "de")).toBe("2,34 GB");
});

test.each([
  [{ amount_minor: 1, currency: "USD" }, "$0.01"],
  [{ amount_minor: -1234, currency: "USD" }, "-$12.34"],
  [{ amount_minor: 500, currency: "JPY" }, "¥500"],
  [{ amount_minor: 9_007_199_254_740_991, currency: "USD" }, "$90,071,992,547,409.91"],
])("%j is %s", (money, text) => {
  expect(moneyText(money, "en")).toBe(text);
});

test.each([
  ["2026-03-12T11:00:00Z", "1 hour ago"],
  ["2026-03-12T11:59:30Z", "now"],
  ["2026-03-11T11:00:00Z", "yesterday"],
  ["2026-03-14T12:30:00Z", "in 2 days"],
])("%s is %s", (instant, text) => {
  expect(ageText(instant, Date.UTC(2026, 2, 12, 12), "en")).toBe(text);
});

test("a calendar day is the same day in every zone", () => {
  expect(calendarDayText("2026-03-12", "en")).toBe("Mar 12, 2026");
});

test.each([
  [0, "0 sec"],
  [59.6, "1 min"],
  [3_720, "1 hr 2 min"],
  [90_000, "1 day 1 hr"],
  [86_405, "1 day"],
])("%d seconds are %s", (seconds, text) => {
  expect(durationText(seconds, "en")).toBe(text);
});
