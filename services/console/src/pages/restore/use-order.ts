import { useQueryClient } from "@tanstack/react-query";
import { useRef, useState } from "react";
import { Problem } from "../../api/problem";
import {
  type RestoreDetail,
  type RestoreWish,
  restoreQuery,
  useCancelRestore,
  useOrderRestore,
} from "../../queries/restores";
import { isSameWish } from "./choices";

const UNCONFIRMED: ReadonlySet<RestoreDetail["state"]> = new Set(["quoting", "quoted"]);
const LOOK_MS = 1_000;
const PATIENCE_MS = 30_000;

export interface Order {
  busy: boolean;
  error: unknown;
  /** Ask what a wish costs. `before` is what was asked for earlier in its place, which is dropped. */
  place: (wish: RestoreWish, before: RestoreDetail | null) => Promise<RestoreDetail | null>;
  reset: () => void;
}

/** Ordering; the same wish sent again, because its answer was lost, is the same order. */
export function useOrder(): Order {
  const client = useQueryClient();
  const ordering = useOrderRestore();
  const cancelling = useCancelRestore();
  const sent = useRef<{ wish: RestoreWish; key: string } | null>(null);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);

  async function place(wish: RestoreWish, before: RestoreDetail | null): Promise<RestoreDetail | null> {
    setBusy(true);
    setError(null);
    try {
      if (before) await drop(before.restore_id);
      if (!sent.current || !isSameWish(sent.current.wish, wish)) sent.current = { wish, key: crypto.randomUUID() };
      const found = await ordering.mutateAsync(sent.current);
      sent.current = null;
      return found;
    } catch (problem) {
      // Answered: what is sent next is another order.
      if (problem instanceof Problem && problem.status >= 400 && problem.status < 500) sent.current = null;
      setError(problem);
      return null;
    } finally {
      setBusy(false);
    }
  }

  // The earlier order may keep the name from the new one until it is undone. One that was confirmed, in another tab
  // perhaps, is left alone.
  async function drop(restoreId: string): Promise<void> {
    const query = restoreQuery(restoreId);
    try {
      let found = await client.fetchQuery({ ...query, staleTime: 0 });
      if (!UNCONFIRMED.has(found.state)) return;
      found = await cancelling.mutateAsync(restoreId);
      for (const end = Date.now() + PATIENCE_MS; found.state === "undoing" && Date.now() < end; ) {
        await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
        found = await client.fetchQuery({ ...query, staleTime: 0 });
      }
    } catch (problem) {
      // It is over by itself, or is not the owner's to stop any more: the new order says what is in its way.
      if (!(problem instanceof Problem) || problem.status === 0 || problem.status >= 500) throw problem;
    }
  }
  return { busy, error, place, reset: () => setError(null) };
}
