import { expect, test } from "vitest";
import { minorOf, typedAmount } from "./amounts";
import { percentText, shareOf } from "./shares";

test.each([
  [0, 100, { percent: 0, leftBytes: 100, beyondBytes: 0 }],
  [25, 100, { percent: 25, leftBytes: 75, beyondBytes: 0 }],
  [100, 100, { percent: 100, leftBytes: 0, beyondBytes: 0 }],
  [130, 100, { percent: 100, leftBytes: 0, beyondBytes: 30 }],
  [0, 0, { percent: 0, leftBytes: 0, beyondBytes: 0 }],
  [5, 0, { percent: 100, leftBytes: 0, beyondBytes: 5 }],
])("%d of %d", (used, included, share) => {
  expect(shareOf(used, included)).toEqual(share);
});

test.each([
  ["0", "0%"],
  ["0.004", "<1%"],
  ["0.25", "25%"],
  ["1", "100%"],
])("a share of %s is %s", (share, text) => {
  expect(percentText(share, "en")).toBe(text);
});

test.each([
  ["12", "USD", 1200],
  ["12.5", "USD", 1250],
  ["12,50", "USD", 1250],
  [" 0.01 ", "USD", 1],
  ["12.", "USD", 1200],
  ["0.29", "USD", 29],
  ["1.005", "USD", null],
  ["", "USD", null],
  ["-1", "USD", null],
  ["1e3", "USD", null],
  ["1,000.00", "USD", null],
  ["500", "JPY", 500],
  ["500.5", "JPY", null],
])("%j of %s is %s in minor units", (typed, currency, minor) => {
  expect(minorOf(typed, currency)).toBe(minor);
});

test.each([
  [1250, "USD", "12.50"],
  [1200, "USD", "12"],
  [5, "USD", "0.05"],
  [500, "JPY", "500"],
])("%d minor units of %s are typed %s", (minor, currency, typed) => {
  expect(typedAmount(minor, currency)).toBe(typed);
  expect(minorOf(typed, currency)).toBe(minor);
});
