import type { RestoreState } from "../../queries/restores";

export type Mood = "good" | "busy" | "waits" | "bad" | "over";

const MOODS: Partial<Record<RestoreState, Mood>> = {
  quoted: "waits",
  ready: "waits",
  awaiting_password: "waits",
  needs_operator: "bad",
  failed: "bad",
  completed: "good",
  cancelled: "over",
  expired: "over",
  returned: "over",
};

/** How a state is to be seen: who does something, and whether it went well. */
export function moodOf(state: RestoreState): Mood {
  return MOODS[state] ?? "busy";
}
