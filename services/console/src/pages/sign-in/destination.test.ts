import { expect, test } from "vitest";
import { destinationOf } from "./destination";

test.each(["/backups", "/backups/4b?snapshot=5#snapshots", "/billing/invoices/SP-2026-000001"])(
  "%s is where one comes back to",
  (from) => {
    expect(destinationOf({ from })).toBe(from);
  },
);

test.each([
  null,
  undefined,
  "/backups",
  {},
  { from: 1 },
  { from: "" },
  { from: "backups" },
  { from: "//evil.example/" },
  { from: "/\\evil.example/" },
  { from: "/\t/evil.example/" },
  { from: "https://evil.example/" },
  { from: "javascript:alert(1)" },
  { from: "/sign-in" },
  { from: "/sign-in/?again" },
  { from: "/backups/../sign-in" },
])("from %o one comes to Home", (state) => {
  expect(destinationOf(state)).toBe("/");
});

test("a path that only looks like a host after it is resolved stays a path of ours", () => {
  expect(destinationOf({ from: "/.//evil.example" })).toBe("/");
});
