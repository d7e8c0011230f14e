/**
 * Backup passwords that were typed in this tab and found right: in its memory alone, so a reload forgets them. They are
 * here to be sealed for an instance that asks, without asking the owner again.
 */
import { sessionStore } from "../api/session";

const kept = new Map<string, Uint8Array>();

sessionStore.subscribe(() => {
  if (sessionStore.read().state !== "signed-in") for (const backupId of [...kept.keys()]) forgetPassword(backupId);
});

export function keepPassword(backupId: string, password: Uint8Array): void {
  kept.set(backupId, password);
}

export function keptPassword(backupId: string): Uint8Array | null {
  return kept.get(backupId) ?? null;
}

export function forgetPassword(backupId: string): void {
  kept.get(backupId)?.fill(0);
  kept.delete(backupId);
}
