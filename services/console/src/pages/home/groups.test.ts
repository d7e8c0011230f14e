import { expect, test } from "vitest";
import type { Terminus } from "../../queries/terminus";
import { backup, emptyBackup, hoursAgo } from "./examples";
import { groupsOf } from "./groups";

const home = { terminus_id: "1", name: "home" } as Terminus;
const cabin = { terminus_id: "2", name: "cabin" } as Terminus;

test("each Terminus has its backups, and those of none come last", () => {
  const backups = [backup({ name: "loose" }), backup({ name: "music", terminus_id: "2", terminus_name: "cabin" })];
  const groups = groupsOf(backups, [home, cabin]);
  expect(groups.map(({ name, backups: own }) => [name, own.map((each) => each.name)])).toEqual([
    ["home", []],
    ["cabin", ["music"]],
    [null, ["loose"]],
  ]);
});

test("a Terminus is named by its backups where nobody else named it", () => {
  const [group] = groupsOf([backup({ terminus_id: "9", terminus_name: "attic" })], []);
  expect(group).toMatchObject({ terminusId: "9", name: "attic" });
});

test("what needs a look comes first, then the newest", () => {
  const backups = [
    backup({ name: "older", latest_snapshot_at: hoursAgo(9) }),
    backup({ name: "given up", stopped_at: hoursAgo(1), latest_snapshot_at: hoursAgo(1) }),
    backup({ name: "newer", latest_snapshot_at: hoursAgo(1) }),
    emptyBackup({ name: "empty" }),
    backup({ name: "late", overdue: true }),
    backup({ name: "damaged", newest_is_damaged: true }),
  ];
  const [group] = groupsOf(backups, []);
  expect(group?.backups.map(({ name }) => name)).toEqual(["damaged", "late", "empty", "newer", "older", "given up"]);
});
