import { QueryClient } from "@tanstack/react-query";
import { isPassing } from "../api/problem";
import { sessionStore } from "../api/session";

/** How often a visible list is asked again; unchanged ones are answered 304. */
export const POLL_MS = 15_000;

export const queryClient = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: 5_000,
      retry: (failures, error) => isPassing(error) && failures < 2,
      retryDelay: (attempt) => Math.min(500 * 2 ** attempt, 4_000),
      refetchIntervalInBackground: false,
    },
    // What is done twice is told by its Idempotency-Key; whether to try again is the person's choice.
    // Offline it fails at once: nothing is sent later, when nobody expects it any more.
    mutations: { retry: false, networkMode: "always" },
  },
});

// What one owner saw is not shown to the next one at the same browser.
sessionStore.subscribe(() => {
  if (sessionStore.read().state !== "signed-in") queryClient.clear();
});
