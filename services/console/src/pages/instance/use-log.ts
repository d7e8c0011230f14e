import { useEffect, useRef, useState } from "react";
import { follow } from "../../api/events";
import type { LogLine } from "../../queries/instances";
import { MOST_LINES, NOTHING, type Shown, withLines } from "./log-lines";

export type LogState = "live" | "lost" | "over";

interface Log {
  shown: Shown;
  state: LogState;
  error: unknown;
  /** How many have come since it was paused. */
  waiting: number;
  retry: () => void;
}

/** The log of an instance as it is written. While it is paused, what comes is kept back. */
export function useLog(instanceId: string, paused: boolean): Log {
  const [shown, setShown] = useState<Shown>(NOTHING);
  const [state, setState] = useState<LogState>("live");
  const [error, setError] = useState<unknown>(null);
  const [waiting, setWaiting] = useState(0);
  const [attempt, setAttempt] = useState(0);
  const kept = useRef<LogLine[]>([]);
  const isPaused = useRef(paused);

  useEffect(() => {
    isPaused.current = paused;
    if (paused) return;
    const come = kept.current.splice(0);
    setWaiting(0);
    setShown((before) => withLines(before, come));
  }, [paused]);

  // biome-ignore lint/correctness/useExhaustiveDependencies: another attempt follows again
  useEffect(() => {
    const ending = new AbortController();
    let frame = 0;
    setShown(NOTHING);
    setState("live");
    setError(null);
    kept.current = [];
    // Many lines come at once: they are shown by the frame, not one by one.
    const show = () => {
      frame = 0;
      if (isPaused.current) return setWaiting(kept.current.length);
      const come = kept.current.splice(0);
      setShown((before) => withLines(before, come));
    };
    follow(
      `/api/v1/instances/${instanceId}/log?tail=1000`,
      ({ event, data }) => {
        if (event === "end") {
          setState("over");
          return ending.abort();
        }
        if (event !== "line") return;
        kept.current.push(JSON.parse(data) as LogLine);
        if (kept.current.length > MOST_LINES) kept.current.shift();
        frame ||= requestAnimationFrame(show);
      },
      ending.signal,
      (lost) => setState(lost ? "lost" : "live"),
    ).catch(setError);
    return () => {
      ending.abort();
      cancelAnimationFrame(frame);
    };
  }, [instanceId, attempt]);

  return { shown, state, error, waiting, retry: () => setAttempt(attempt + 1) };
}
