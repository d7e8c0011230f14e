import { expect, test } from "vitest";
import { standingOf } from "./standings";

const ACTIVE = { state: "active", overdue: false, stopped_at: null, snapshot_count: 3 } as const;

test.each([
  [ACTIVE, "fine"],
  [{ ...ACTIVE, overdue: true }, "overdue"],
  [{ ...ACTIVE, snapshot_count: 0 }, "empty"],
  [{ ...ACTIVE, stopped_at: "2026-03-12T11:00:00Z" }, "stopped"],
  [{ ...ACTIVE, stopped_at: "2026-03-12T11:00:00Z", snapshot_count: 0 }, "empty"],
  [{ ...ACTIVE, state: "deleting", snapshot_count: 0 }, "deleting"],
  [{ ...ACTIVE, state: "removing" }, "removing"],
  [{ ...ACTIVE, state: "deleted", snapshot_count: 0 }, "deleted"],
] as const)("%j stands as %s", (backup, standing) => {
  expect(standingOf(backup)).toBe(standing);
});
