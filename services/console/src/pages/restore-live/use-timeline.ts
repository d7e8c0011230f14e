import { useQueryClient } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { follow } from "../../api/events";
import { restoreQuery, type TimelineEntry, timelineOf } from "../../queries/restores";
import { type Known, NOTHING, withEntries } from "./timeline-state";

export interface Timeline {
  known: Known;
  state: "live" | "lost" | "over";
  error: unknown;
  retry: () => void;
}

const PAGES_MS = 3_000;
// Many entries come at once where one looks later.
const SHOWN_AFTER_MS = 50;

/** The timeline as it grows: by a stream, and page by page while there is none. */
export function useTimeline(restoreId: string): Timeline {
  const client = useQueryClient();
  const [known, setKnown] = useState(NOTHING);
  const [state, setState] = useState<Timeline["state"]>("live");
  const [error, setError] = useState<unknown>(null);
  const [attempt, setAttempt] = useState(0);

  // biome-ignore lint/correctness/useExhaustiveDependencies: another attempt follows again
  useEffect(() => {
    const ending = new AbortController();
    const { signal } = ending;
    let pages: ReturnType<typeof setInterval> | undefined;
    let soon: ReturnType<typeof setTimeout> | undefined;
    let come: TimelineEntry[] = [];
    setKnown(NOTHING);
    setState("live");
    setError(null);

    function show() {
      soon = undefined;
      const entries = come;
      come = [];
      setKnown((before) => withEntries(before, entries));
      // How it is in full, the restore itself says.
      if (entries.some(({ kind }) => kind !== "progress")) {
        void client.invalidateQueries({ queryKey: restoreQuery(restoreId).queryKey });
      }
    }
    function take(entries: readonly TimelineEntry[]) {
      come.push(...entries);
      // By a timer and not by the frame: a tab in the background sends the password too.
      soon ??= setTimeout(show, SHOWN_AFTER_MS);
    }
    function look() {
      timelineOf(restoreId, signal).then(take, () => {});
    }
    function lose(lost: boolean) {
      setState(lost ? "lost" : "live");
      clearInterval(pages);
      pages = lost ? setInterval(look, PAGES_MS) : undefined;
    }
    follow(
      `/api/v1/restores/${restoreId}/timeline`,
      ({ event, data }) => {
        if (event !== "end") return take([JSON.parse(data) as TimelineEntry]);
        setState("over");
        void client.invalidateQueries({ queryKey: restoreQuery(restoreId).queryKey });
        ending.abort();
      },
      signal,
      lose,
    ).catch(setError);
    return () => {
      ending.abort();
      clearInterval(pages);
      clearTimeout(soon);
    };
  }, [client, restoreId, attempt]);

  return { known, state, error, retry: () => setAttempt(attempt + 1) };
}
