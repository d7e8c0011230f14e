/** Whether what is shown now was asked for in vain the last time. */
import type { Query } from "@tanstack/react-query";
import { isPassing, Problem } from "../api/problem";
import { queryClient } from "./client";

/** `all`: Space does not answer; `some`: a part of it does not. */
export type Unanswered = "all" | "some" | null;

const cache = queryClient.getQueryCache();
/** By hash of the query: whether anybody answered; kept until it succeeds, also while it is asked again. */
const failed = new Map<string, boolean>();
const listeners = new Set<() => void>();

cache.subscribe((event) => {
  const { queryHash } = event.query;
  if (event.type === "removed") failed.delete(queryHash);
  else if (event.type === "updated" && event.action.type === "success") failed.delete(queryHash);
  else if (event.type === "updated" && event.action.type === "error" && isPassing(event.action.error)) {
    failed.set(queryHash, event.action.error instanceof Problem && event.action.error.status > 0);
  } else if (!event.type.startsWith("observer")) return;
  for (const listener of listeners) listener();
});

export const unansweredStore = {
  subscribe(listener: () => void): () => void {
    listeners.add(listener);
    return () => listeners.delete(listener);
  },
  read: (): Unanswered => unansweredOf(cache.findAll({ type: "active" }), failed),
};

export function unansweredOf(
  active: readonly Pick<Query, "queryHash">[],
  failures: ReadonlyMap<string, boolean>,
): Unanswered {
  const found = active.map(({ queryHash }) => failures.get(queryHash)).filter((answered) => answered !== undefined);
  if (found.length === 0) return null;
  return found.includes(false) ? "all" : "some";
}
