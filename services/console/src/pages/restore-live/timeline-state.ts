/** What is known of a restore's timeline, in the order of its numbers, whichever way it came. */
import type { TimelineEntry } from "../../queries/restores";

export interface Known {
  /** What happened, without progress. */
  events: readonly TimelineEntry[];
  /** How far it had come, the newest last; old ones are dropped. */
  progress: readonly TimelineEntry[];
}

export const NOTHING: Known = { events: [], progress: [] };
const SAMPLES = 40;

/** With entries that have come; those that are known are passed over. */
export function withEntries(known: Known, come: readonly TimelineEntry[]): Known {
  const events = merged(known.events, come, (entry) => entry.kind !== "progress");
  const progress = merged(known.progress, come, (entry) => entry.kind === "progress").slice(-SAMPLES);
  return { events, progress };
}

function merged(
  known: readonly TimelineEntry[],
  come: readonly TimelineEntry[],
  isMeant: (entry: TimelineEntry) => boolean,
): readonly TimelineEntry[] {
  const numbers = new Set(known.map(({ number }) => number));
  const fresh = come.filter((entry) => isMeant(entry) && !numbers.has(entry.number));
  if (fresh.length === 0) return known;
  return [...known, ...fresh].sort((one, other) => one.number - other.number);
}

export interface Pace {
  doneBytes: number;
  totalBytes: number | null;
  files: number | null;
  /** Null until there are two samples that tell. */
  bytesPerSecond: number | null;
  secondsLeft: number | null;
}

const WINDOW_MS = 30_000;
const SHORTEST_MS = 1_000;

/** How far and how fast, by what came in the last half minute. */
export function paceOf(progress: readonly TimelineEntry[]): Pace | null {
  const last = progress.at(-1);
  if (!last || last.bytes_restored === null) return null;
  const pace = {
    doneBytes: last.bytes_restored,
    totalBytes: last.total_bytes,
    files: last.files_restored,
    bytesPerSecond: null,
    secondsLeft: null,
  };
  const end = Date.parse(last.recorded_at);
  const first = progress.find(
    (entry) => end - Date.parse(entry.recorded_at) <= WINDOW_MS && entry.bytes_restored !== null,
  );
  const tookMs = first ? end - Date.parse(first.recorded_at) : 0;
  const came = last.bytes_restored - (first?.bytes_restored ?? 0);
  // A restore that begins anew counts from its start again.
  if (tookMs < SHORTEST_MS || came <= 0) return pace;
  const bytesPerSecond = (came * 1000) / tookMs;
  const left = last.total_bytes === null ? null : Math.max(0, last.total_bytes - last.bytes_restored);
  return { ...pace, bytesPerSecond, secondsLeft: left === null ? null : left / bytesPerSecond };
}
