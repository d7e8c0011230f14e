import { useEffect, useState } from "react";
import { pause } from "../../api/pause";
import { hasCode, isPassing } from "../../api/problem";
import { checkCode, newCode } from "../../api/sign-in";

export type ShownCode =
  | { state: "loading" | "paused" | "elsewhere" }
  | { state: "shown"; content: string }
  /** `again`: it is asked for again by itself. */
  | { state: "failed"; error: unknown; again: boolean };

/** A page that is left open asks for this many codes, of two minutes each. */
const MOST_CODES = 10;
const AGAIN_MS = 5_000;

/** The code that this browser is signed in by once it is scanned, renewed when it is too old. */
export function useCode(): { code: ShownCode; show: () => void } {
  const [code, setCode] = useState<ShownCode>({ state: "loading" });
  const [attempt, setAttempt] = useState(0);

  // biome-ignore lint/correctness/useExhaustiveDependencies: another attempt shows another code
  useEffect(() => {
    const ending = new AbortController();
    const { signal } = ending;
    // A browser has one code: of several tabs the last one shows it.
    const channel = new BroadcastChannel("space-code");
    channel.onmessage = () => {
      setCode({ state: "elsewhere" });
      ending.abort();
    };

    async function show() {
      setCode({ state: "loading" });
      for (let count = 0; count < MOST_CODES && !signal.aborted; count++) {
        await untilVisible(signal);
        const { content, check_after_seconds } = await patiently(newCode);
        if (signal.aborted) return;
        channel.postMessage("shown");
        setCode({ state: "shown", content });
        if (await watch(content, check_after_seconds * 1000)) return;
      }
      if (!signal.aborted) setCode({ state: "paused" });
    }

    /** Whether somebody was signed in, before the code became too old. */
    async function watch(content: string, everyMs: number): Promise<boolean> {
      while (!signal.aborted) {
        await pause(everyMs, signal);
        await untilVisible(signal);
        if (signal.aborted) break;
        try {
          if (await patiently(checkCode)) return true;
          setCode({ state: "shown", content });
        } catch (error) {
          if (hasCode(error, "sign_in_expired")) return false;
          throw error;
        }
      }
      return false;
    }

    /** Ask until there is an answer; what goes wrong meanwhile is shown. */
    async function patiently<Answer>(ask: () => Promise<Answer>): Promise<Answer> {
      for (;;) {
        try {
          return await ask();
        } catch (error) {
          if (signal.aborted || !isPassing(error)) throw error;
          setCode({ state: "failed", error, again: true });
          await pause(AGAIN_MS, signal);
        }
      }
    }

    show().catch((error: unknown) => {
      if (!signal.aborted) setCode({ state: "failed", error, again: false });
    });
    return () => {
      channel.close();
      ending.abort();
    };
  }, [attempt]);

  return { code, show: () => setAttempt((before) => before + 1) };
}

/** Nobody scans what is not seen. */
function untilVisible(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    function look() {
      if (document.hidden && !signal.aborted) return;
      document.removeEventListener("visibilitychange", look);
      signal.removeEventListener("abort", look);
      resolve();
    }
    document.addEventListener("visibilitychange", look);
    signal.addEventListener("abort", look);
    look();
  });
}
