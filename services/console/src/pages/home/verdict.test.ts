import { expect, test } from "vitest";
import type { Backup } from "../../queries/backups";
import { backup, emptyBackup, hoursAgo, instance, NOW, quota } from "./examples";
import { mattersOf, type Told } from "./matters";
import { verdictOf } from "./verdict";

function verdict(backups: Backup[], told: Partial<Told> = {}) {
  return verdictOf(backups, mattersOf({ backups, nameIsProvisional: false, now: NOW, ...told }));
}

test("all is safe by the newest snapshot of any", () => {
  const backups = [backup({ latest_snapshot_at: hoursAgo(9) }), backup({ latest_snapshot_at: hoursAgo(2) })];
  expect(verdict(backups)).toEqual({ kind: "safe", newest: hoursAgo(2) });
});

test("a snapshot of what is to be deleted makes nothing safe", () => {
  const going = backup({ state: "deleting", latest_snapshot_at: hoursAgo(1) });
  expect(verdict([going, backup()])).toEqual({ kind: "safe", newest: hoursAgo(2) });
  expect(verdict([going])).toEqual({ kind: "ended", newest: null });
});

test("nothing is safe before there is a backup", () => {
  expect(verdict([])).toEqual({ kind: "nothing" });
  expect(verdict([], { nameIsProvisional: true })).toEqual({ kind: "nothing" });
});

test("backups that need their owner are counted, and what else does", () => {
  const backups = [backup(), backup({ overdue: true }), backup({ overdue: true })];
  expect(verdict(backups)).toEqual({ kind: "needs", backups: 2, others: 0, isUrgent: false });
  expect(verdict(backups, { quota: quota({ standing: "suspended" }) })).toEqual({
    kind: "needs",
    backups: 2,
    others: 1,
    isUrgent: true,
  });
});

test("what is only to be known makes nothing unsafe", () => {
  const told = { nameIsProvisional: true, instances: [instance({ status: "pending_activation" })] };
  expect(verdict([backup(), backup({ state: "deleting" })], told).kind).toBe("safe");
});

test("not everything is safe while a first snapshot is on its way", () => {
  const waiting = emptyBackup({ created_at: hoursAgo(1) });
  expect(verdict([waiting])).toEqual({ kind: "waiting", count: 1, newest: null });
  expect(verdict([waiting, backup()])).toEqual({ kind: "waiting", count: 1, newest: hoursAgo(2) });
});

test("where all are given up nothing is added", () => {
  expect(verdict([backup({ stopped_at: hoursAgo(5) })])).toEqual({ kind: "ended", newest: hoursAgo(2) });
  expect(verdict([emptyBackup({ stopped_at: hoursAgo(5) })])).toEqual({ kind: "ended", newest: null });
});
