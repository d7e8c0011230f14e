import { beforeEach, expect, test } from "vitest";
import { keyOf, newKey } from "./ticket-key";

const LATEST = { backupId: "b", snapshotId: null };
const NOW = Date.UTC(2026, 2, 12);
const items = new Map<string, string>();
const kept = {
  getItem: (name: string) => items.get(name) ?? null,
  setItem: (name: string, value: string) => void items.set(name, value),
};

beforeEach(() => items.clear());

test("the same wish within the hour is the same ticket", () => {
  const key = keyOf(LATEST, kept, NOW);
  expect(keyOf({ ...LATEST }, kept, NOW + 3_599_999)).toBe(key);
});

test("another snapshot is another ticket", () => {
  expect(keyOf({ backupId: "b", snapshotId: "s" }, kept, NOW)).not.toBe(keyOf(LATEST, kept, NOW));
});

test("after an hour it is another ticket", () => {
  expect(keyOf(LATEST, kept, NOW + 3_600_000)).not.toBe(keyOf(LATEST, kept, NOW));
});

test("a new one takes the place of the old one", () => {
  const [old, fresh] = [keyOf(LATEST, kept, NOW), newKey(LATEST, kept, NOW)];
  expect(fresh).not.toBe(old);
  expect(keyOf(LATEST, kept, NOW)).toBe(fresh);
});

test.each(["", "x", "soon key", `${NOW + 60_000} key`])("what is kept as %j is no ticket's", (value) => {
  items.set("space-ticket b", value);
  expect(keyOf(LATEST, kept, NOW)).not.toBe("key");
});

test("where nothing may be kept there is a ticket all the same", () => {
  const full = {
    getItem: () => null,
    setItem: () => {
      throw new DOMException("full", "QuotaExceededError");
    },
  };
  expect(keyOf(LATEST, full, NOW)).toMatch(/^[0-9a-f-]{36}$/);
});
