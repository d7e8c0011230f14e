import { expect, test } from "vitest";
import { stateOf } from "./ticket-state";

const END = "2026-03-12T12:00:00Z";
const BEFORE = Date.UTC(2026, 2, 12, 11, 59);
const AFTER = Date.UTC(2026, 2, 12, 12);

test.each([
  [undefined, BEFORE, "good"],
  ["ready", BEFORE, "good"],
  ["ready", AFTER, "over"],
  [undefined, AFTER, "over"],
  ["expired", BEFORE, "over"],
  ["redeemed", AFTER, "working"],
  ["restoring", AFTER, "working"],
  ["verifying", AFTER, "working"],
  ["completed", AFTER, "completed"],
  ["failed", BEFORE, "failed"],
  ["cancelled", BEFORE, "cancelled"],
] as const)("a restore that is %s at %d makes its ticket %s", (state, now, expected) => {
  expect(stateOf(END, state, now)).toBe(expected);
});
