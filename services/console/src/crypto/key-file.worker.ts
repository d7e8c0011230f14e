/** The work of a password check, in a thread of its own: the page stays alive meanwhile. */
import { anyOpensWith, BadKeyFile, parseKeyFiles } from "./key-file";

export interface CheckWanted {
  contents: readonly string[];
  password: Uint8Array;
}

export type CheckDone = { outcome: "right" | "wrong" | "unusable" };

addEventListener("message", ({ data }: MessageEvent<CheckWanted>) => {
  postMessage({ outcome: outcomeOf(data) } satisfies CheckDone);
});

function outcomeOf({ contents, password }: CheckWanted): CheckDone["outcome"] {
  try {
    return anyOpensWith(parseKeyFiles(contents), password) ? "right" : "wrong";
  } catch (error) {
    if (error instanceof BadKeyFile) return "unusable";
    throw error;
  }
}
