import { describe, expect, test } from "vitest";
import { backup, emptyBackup, hoursAgo, instance, NOW, quota, restore } from "./examples";
import { mattersOf, type Told } from "./matters";

function kinds(told: Partial<Told>): string[] {
  return mattersOf({ nameIsProvisional: false, now: NOW, ...told }).map(({ kind }) => kind);
}

test("nothing needs the owner where all is well, and where nobody answered", () => {
  const instances = [instance({ status: "running" }), instance({ status: "stopped" })];
  const restores = [restore({ state: "restoring" }), restore({ state: "quoted", actions: ["confirm"] })];
  expect(kinds({ backups: [backup()], quota: quota(), invoices: [], restores, instances })).toEqual([]);
  expect(kinds({})).toEqual([]);
});

describe("a backup", () => {
  test.each([
    ["is late by its own habit", backup({ overdue: true }), ["overdue"]],
    [
      "has a newest snapshot that is damaged, which is worse than late",
      backup({ overdue: true, newest_is_damaged: true }),
      ["damaged"],
    ],
    ["had no first snapshot for more than a day", emptyBackup({ created_at: hoursAgo(25) }), ["empty"]],
    ["may take a day for its first snapshot", emptyBackup({ created_at: hoursAgo(23) }), []],
    ["was given up by its device before there was any", emptyBackup({ stopped_at: hoursAgo(50) }), []],
    ["was given up by its device", backup({ stopped_at: hoursAgo(50) }), []],
    ["is to be deleted", backup({ state: "deleting", newest_is_damaged: true }), ["deleting"]],
    ["is going", backup({ state: "removing", newest_is_damaged: true }), []],
  ])("%s", (_, one, expected) => {
    expect(kinds({ backups: [one] })).toEqual(expected);
  });
});

describe("of billing", () => {
  test.each([
    ["arrears say how far they are", quota({ standing: "restricted" }), ["restricted"]],
    [
      "arrears that stop backups are said once",
      quota({ standing: "suspended", can_backup: false, reason: "arrears" }),
      ["suspended"],
    ],
    ["what is full is not nearly full", quota({ used_bytes: 1000, can_backup: false, reason: "over_limit" }), ["full"]],
    ["from nine tenths on it is nearly full", quota({ used_bytes: 901 }), ["nearlyFull"]],
    ["below it is not", quota({ used_bytes: 900 }), []],
    ["of nothing nothing is full", quota({ used_bytes: 0, limit_bytes: 0 }), []],
  ])("%s", (_, one, expected) => {
    expect(kinds({ quota: one })).toEqual(expected);
  });
});

describe("an instance", () => {
  test.each([
    ["that does not answer", instance({ status: "errored" }), ["errored"]],
    ["onto which the backup could not be brought", instance({ status: "restore_error" }), ["restoreError"]],
    ["that waits to be activated", instance({ status: "pending_activation" }), ["activation"]],
    ["that an operator looks at needs no owner", instance({ status: "errored", needs_operator: true }), []],
  ])("%s", (_, one, expected) => {
    expect(kinds({ instances: [one] })).toEqual(expected);
  });
});

test("a restore needs the owner for its password alone", () => {
  const waiting = restore({ state: "awaiting_password", actions: ["enter_password", "give_up"] });
  expect(kinds({ restores: [waiting] })).toEqual(["password"]);
  expect(kinds({ restores: [{ ...waiting, actions: ["give_up"] }] })).toEqual([]);
});

test("the most urgent comes first, whoever told of it", () => {
  expect(
    kinds({
      nameIsProvisional: true,
      backups: [
        backup({ state: "deleting" }),
        emptyBackup({ created_at: hoursAgo(48) }),
        backup({ overdue: true }),
        backup({ newest_is_damaged: true }),
      ],
      quota: quota({ standing: "reminded", used_bytes: 999 }),
      instances: [instance({ status: "pending_activation" }), instance({ status: "errored" })],
      restores: [restore({ state: "awaiting_password", actions: ["enter_password"] })],
    }),
  ).toEqual([
    "password",
    "damaged",
    "errored",
    "overdue",
    "reminded",
    "empty",
    "nearlyFull",
    "activation",
    "deleting",
    "name",
  ]);
});

test("of two that are late the one that waits longer comes first", () => {
  const backups = [
    backup({ name: "new", overdue: true, latest_snapshot_at: hoursAgo(50) }),
    backup({ name: "old", overdue: true, latest_snapshot_at: hoursAgo(500) }),
  ];
  const matters = mattersOf({ backups, nameIsProvisional: false, now: NOW });
  expect(matters.map((matter) => "backup" in matter && matter.backup.name)).toEqual(["old", "new"]);
});
