import { expect, test } from "vitest";
import { unansweredOf } from "./unanswered";

const shown = [{ queryHash: "backups" }, { queryHash: "quotas" }];

test.each([
  ["all is answered", {}, null],
  ["what is not shown does not matter", { invoices: false }, null],
  ["a part does not answer, and somebody says so", { quotas: true }, "some"],
  ["nobody answers", { backups: false, quotas: true }, "all"],
])("%s", (_, failures, expected) => {
  expect(unansweredOf(shown, new Map(Object.entries(failures)))).toBe(expected);
});
