import { describe, expect, test } from "vitest";
import type { TimelineEntry } from "../../queries/restores";
import { entryText } from "./entry-text";
import { NOTHING, paceOf, withEntries } from "./timeline-state";

function entry(number: number, changes: Partial<TimelineEntry> = {}): TimelineEntry {
  return {
    number,
    recorded_at: new Date(Date.UTC(2026, 0, 1) + number * 1000).toISOString(),
    kind: "moved",
    previous_state: null,
    state: "restoring",
    code: null,
    reason: null,
    bytes_restored: null,
    files_restored: null,
    total_bytes: null,
    warnings: 0,
    ...changes,
  };
}

function progress(number: number, done: number | null, total: number | null = 1000): TimelineEntry {
  return entry(number, { kind: "progress", bytes_restored: done, total_bytes: total, files_restored: 3 });
}

test("entries are kept once each, in order, whichever way they come", () => {
  const first = withEntries(NOTHING, [entry(1), progress(3, 10), entry(2)]);
  const then = withEntries(first, [entry(2), entry(4), progress(3, 10), progress(5, 20)]);
  expect(then.events.map(({ number }) => number)).toEqual([1, 2, 4]);
  expect(then.progress.map(({ number }) => number)).toEqual([3, 5]);
});

test("what is known already changes nothing", () => {
  const known = withEntries(NOTHING, [entry(1)]);
  expect(withEntries(known, [entry(1)]).events).toBe(known.events);
});

describe("the pace", () => {
  test("is not known before there is any", () => {
    expect(paceOf([])).toBeNull();
    expect(paceOf([progress(1, null)])).toBeNull();
    expect(paceOf([progress(1, 10)])).toMatchObject({ doneBytes: 10, bytesPerSecond: null, secondsLeft: null });
  });
  test("is of the last half minute", () => {
    const pace = paceOf([progress(1, 0), progress(40, 100), progress(50, 200)]);
    expect(pace).toMatchObject({ doneBytes: 200, bytesPerSecond: 10, secondsLeft: 80, files: 3 });
  });
  test("is not told by a restore that began anew or stands still", () => {
    expect(paceOf([progress(1, 500), progress(10, 20)])?.bytesPerSecond).toBeNull();
    expect(paceOf([progress(1, 20), progress(10, 20)])?.bytesPerSecond).toBeNull();
  });
  test("has no time left where the whole is not known", () => {
    expect(paceOf([progress(1, 0, null), progress(10, 90, null)])).toMatchObject({
      bytesPerSecond: 10,
      secondsLeft: null,
    });
  });
});

test.each([
  [entry(1, { state: "installing" }), "The instance starts and is being installed"],
  [entry(1, { state: "failed", reason: "the disk is full" }), "The restore failed: the disk is full"],
  [entry(1, { kind: "payment", code: "held" }), "The payment is held; nothing is taken yet"],
  [entry(1, { kind: "keys_issued" }), "The instance was given keys to read the backup"],
  [entry(1, { kind: "instance", code: "of_a_later_service" }), "Instance of a later service"],
])("an entry reads as a sentence: %#", (each, text) => {
  expect(entryText(each, true)).toBe(text);
});
