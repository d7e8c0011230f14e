import { useQueryClient } from "@tanstack/react-query";
import { useEffect, useRef, useState } from "react";
import { Problem } from "../api/problem";
import { checkPassword } from "../crypto/check-password";
import { keepPassword, keptPassword } from "../crypto/kept-passwords";
import { passwordBytes } from "../crypto/password-bytes";
import { LONGEST_PASSWORD_BYTES } from "../crypto/sealing";
import { keyFilesQuery } from "./restorable";

/**
 * What is known of the password that was typed. `unchecked`: its backup's key files cannot be read or used here, so only
 * the instance can tell.
 */
export type Checked =
  | { state: "none" | "empty" | "checking" | "right" | "wrong" | "long" | "unchecked" }
  | { state: "failed"; error: unknown };

export interface PasswordCheck {
  checked: Checked;
  /** Check what is typed; the same text again is the same check. A password that may be right is kept in this tab. */
  check: (typed: string) => Promise<Checked>;
  /** Another text is being typed; an empty one stands for the password that is kept. */
  begin: (typed: string) => void;
}

export function maySend({ state }: Checked): boolean {
  return state === "right" || state === "unchecked";
}

/** Checks a backup password in this browser. */
export function usePasswordCheck(backupId: string): PasswordCheck {
  const client = useQueryClient();
  const [checked, setChecked] = useState<Checked>(known);
  const running = useRef<{ typed: string; ending: AbortController; outcome: Promise<Checked> } | null>(null);

  useEffect(() => () => running.current?.ending.abort(), []);

  function check(typed: string): Promise<Checked> {
    if (running.current?.typed === typed) return running.current.outcome;
    running.current?.ending.abort();
    const ending = new AbortController();
    setChecked({ state: "checking" });
    const outcome = outcomeOf(typed, ending.signal).then((found) => {
      if (ending.signal.aborted) return found;
      if (found.state === "failed") running.current = null;
      setChecked(found);
      return found;
    });
    running.current = { typed, ending, outcome };
    return outcome;
  }

  async function outcomeOf(typed: string, signal: AbortSignal): Promise<Checked> {
    const password = passwordBytes(typed);
    if (password.length === 0) return { state: "empty" };
    if (password.length > LONGEST_PASSWORD_BYTES) return { state: "long" };
    try {
      const keyFiles = await client.ensureQueryData(keyFilesQuery(backupId));
      const outcome = await checkPassword(keyFiles, password, signal);
      if (outcome === "wrong") return { state: "wrong" };
      keepPassword(backupId, password);
      return { state: outcome === "right" ? "right" : "unchecked" };
    } catch (error) {
      // Not allowed, or asked too often: as the command does, it is left to the instance.
      if (error instanceof Problem && [403, 429].includes(error.status)) {
        keepPassword(backupId, password);
        return { state: "unchecked" };
      }
      return { state: "failed", error };
    }
  }

  function begin(typed: string) {
    running.current?.ending.abort();
    running.current = null;
    setChecked(typed === "" ? known() : { state: "none" });
  }

  function known(): Checked {
    return { state: keptPassword(backupId) ? "right" : "none" };
  }
  return { checked, check, begin };
}
