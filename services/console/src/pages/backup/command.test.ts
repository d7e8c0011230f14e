import { execFileSync } from "node:child_process";
import { expect, test } from "vitest";
import type { Backup } from "../../queries/backups";
import { commandOf, quoted } from "./command";

test.each(["photos", "My photos", "it's", '$(date) `id` \\ "x" !', "Bücher*", "~/x", "-n", "a\nb"])(
  "%j is one word for a shell",
  (text) => {
    expect(execFileSync("sh", ["-c", `printf "%s|" ${quoted(text)}`], { encoding: "utf8" })).toBe(`${text}|`);
  },
);

test("what space made is made again by its path and name", () => {
  const backup = { path: "/home/alice/My photos", name: "photos", device_backup_id: null } as Backup;
  expect(commandOf(backup)).toBe("space backup '/home/alice/My photos' --name photos");
});

test("what a device makes, or what nobody knows the folder of, has no command", () => {
  expect(commandOf({ path: "/x", name: "x", device_backup_id: "an id" } as Backup)).toBe(null);
  expect(commandOf({ path: null, name: "x", device_backup_id: null } as Backup)).toBe(null);
});
