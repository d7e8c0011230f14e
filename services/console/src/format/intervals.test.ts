import { expect, test } from "vitest";
import { intervalOf } from "./intervals";

const HOUR = 3_600;
const DAY = 24 * HOUR;

test.each([
  [0, "1 minute"],
  [5, "1 minute"],
  [15 * 60, "15 minute"],
  [58 * 60, "1 hour"],
  [6 * HOUR + 400, "6 hour"],
  [21 * HOUR, "21 hour"],
  [23 * HOUR, "1 day"],
  [DAY, "1 day"],
  [2 * DAY + HOUR, "2 day"],
  [7 * DAY - HOUR, "1 week"],
  [10 * DAY, "10 day"],
  [14 * DAY, "2 week"],
  [28 * DAY, "1 month"],
  [31 * DAY, "1 month"],
  [91 * DAY, "3 month"],
])("%d seconds are every %s", (seconds, said) => {
  const { count, unit } = intervalOf(seconds);
  expect(`${count} ${unit}`).toBe(said);
});
