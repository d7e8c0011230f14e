import { useQueryClient } from "@tanstack/react-query";
import { useEffect, useRef, useState } from "react";
import { hasCode, isPassing, Problem } from "../../api/problem";
import { forgetPassword, keptPassword } from "../../crypto/kept-passwords";
import { seal } from "../../crypto/sealing";
import { type CloudRestore, isOver, restoreQuery, sendPassword } from "../../queries/restores";

/** How it is with the password of a restore, in this tab. */
export type Sealing =
  | { state: "kept" | "needed" | "sending" | "sent" }
  /** `until` is in milliseconds since 1970. */
  | { state: "waiting"; until: number }
  | { state: "failed"; error: unknown };

const AGAIN_MS = 1_500;
const TOO_SOON_SECONDS = 5;
// Another tab or command was faster, or the agent was restarted meanwhile: the restore says which.
const ASKED_ALREADY = ["password_not_expected", "round_over", "agent_not_ready"] as const;

/**
 * Seals the password that this tab keeps for an instance that asks for it, in each round anew, and sends it.
 *
 * @returns What to show, `take` for a password that was just typed, and whether one was sent again without asking.
 */
export function useSealing(restore: CloudRestore): { sealing: Sealing; take: () => void; resent: boolean } {
  const client = useQueryClient();
  const { restore_id, backup_id, state, cloud } = restore;
  const { instance_id, password: wanted } = cloud;
  const [sealing, setSealing] = useState<Sealing>(() => standing(backup_id));
  const [attempt, setAttempt] = useState(0);
  const [resent, setResent] = useState(false);
  const sentRound = useRef<number | null>(null);
  const wrongRound = useRef<number | null>(null);
  const asks = state === "awaiting_password";
  const { round = null, public_key: publicKey = null, reason, not_before: notBefore = null } = wanted ?? {};
  const over = isOver(restore);

  // biome-ignore lint/correctness/useExhaustiveDependencies: a password that was typed, or another attempt, sends it
  useEffect(() => {
    if (over) return forgetPassword(backup_id);
    if (!asks || round === null || publicKey === null || instance_id === null) {
      return setSealing(state === "verifying_password" ? { state: "sent" } : standing(backup_id));
    }
    if (round === sentRound.current) return setSealing({ state: "sent" });
    if (reason === "wrong" && wrongRound.current !== round) {
      wrongRound.current = round;
      // One that was entered since, and not sent yet, may be the right one.
      if (sentRound.current !== null) forgetPassword(backup_id);
    }
    const password = keptPassword(backup_id);
    if (password === null) return setSealing({ state: "needed" });

    const ending = new AbortController();
    void send(password, round, publicKey, instance_id, ending.signal);
    return () => ending.abort();
  }, [restore_id, state, round, publicKey, instance_id, over, attempt]);

  async function send(password: Uint8Array, number: number, key: string, instanceId: string, signal: AbortSignal) {
    try {
      await wait(notBefore === null ? 0 : Date.parse(notBefore) - Date.now(), signal);
      setSealing({ state: "sending" });
      const sealed = await seal(password, key, { restoreId: restore_id, instanceId, round: number });
      if (signal.aborted) return;
      const found = await sendPassword(restore_id, number, sealed);
      setResent(sentRound.current !== null && reason !== "wrong");
      sentRound.current = number;
      setSealing({ state: "sent" });
      client.setQueryData(restoreQuery(restore_id).queryKey, found);
    } catch (error) {
      if (signal.aborted) return;
      if (error instanceof Problem && error.status === 429) {
        await wait((error.retryAfterSeconds ?? TOO_SOON_SECONDS) * 1000, signal).catch(() => {});
      } else if (hasCode(error, ...ASKED_ALREADY) || isPassing(error)) {
        await wait(AGAIN_MS, signal, false).catch(() => {});
        await client.invalidateQueries({ queryKey: restoreQuery(restore_id).queryKey });
      } else {
        return setSealing({ state: "failed", error });
      }
      if (!signal.aborted) setAttempt((before) => before + 1);
    }
  }

  async function wait(milliseconds: number, signal: AbortSignal, shown = true): Promise<void> {
    if (milliseconds <= 0) return;
    if (shown) setSealing({ state: "waiting", until: Date.now() + milliseconds });
    await new Promise<void>((resolve) => {
      const timer = setTimeout(done, milliseconds);
      signal.addEventListener("abort", done, { once: true });
      function done() {
        clearTimeout(timer);
        resolve();
      }
    });
    if (signal.aborted) throw signal.reason;
  }
  return { sealing, take: () => setAttempt((before) => before + 1), resent };
}

function standing(backupId: string): Sealing {
  return { state: keptPassword(backupId) === null ? "needed" : "kept" };
}
