import type { CheckDone, CheckWanted } from "./key-file.worker";

/**
 * Whether a password opens one of a backup's key files. It is not sent anywhere.
 *
 * @param contents - The key files in base64, as the service gives them.
 * @param signal - Ends the work at once, and rejects with its reason.
 */
export function checkPassword(
  contents: readonly string[],
  password: Uint8Array,
  signal: AbortSignal,
): Promise<CheckDone["outcome"]> {
  let ended = () => {};
  return new Promise<CheckDone["outcome"]>((resolve, reject) => {
    signal.throwIfAborted();
    const worker = new Worker(new URL("./key-file.worker.ts", import.meta.url), { type: "module" });
    const stop = () => reject(signal.reason);
    signal.addEventListener("abort", stop, { once: true });
    worker.onmessage = ({ data }: MessageEvent<CheckDone>) => resolve(data.outcome);
    worker.onerror = (event) => reject(new Error(event.message));
    worker.postMessage({ contents, password } satisfies CheckWanted);
    ended = () => {
      signal.removeEventListener("abort", stop);
      worker.terminate();
    };
  }).finally(() => ended());
}
