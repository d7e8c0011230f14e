/** The lines of a log as they are shown: in order, each once, the newest ones only. */
import type { LogLine } from "../../queries/instances";

export const MOST_LINES = 2_000;

export interface Shown {
  lines: readonly LogLine[];
  /** Whether older ones were left out. */
  cut: boolean;
}

export const NOTHING: Shown = { lines: [], cut: false };

/** With lines that have come; one that is told again, after a lost connection, changes nothing. */
export function withLines(shown: Shown, come: readonly LogLine[]): Shown {
  const last = shown.lines.at(-1)?.number ?? 0;
  const fresh = come.filter(({ number }, place) => number > Math.max(last, come[place - 1]?.number ?? 0));
  if (fresh.length === 0) return shown;
  const lines = [...shown.lines, ...fresh];
  const first = lines[0]?.number ?? 1;
  return { lines: lines.slice(-MOST_LINES), cut: shown.cut || lines.length > MOST_LINES || first > 1 };
}

/** As a text to be taken elsewhere, a line each. */
export function asText(lines: readonly LogLine[]): string {
  return lines.map(({ logged_at, source, line }) => `${logged_at} ${source} ${line}\n`).join("");
}
