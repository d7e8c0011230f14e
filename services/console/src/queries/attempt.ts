/** What a POST that creates or pays is called, so that sent twice it is done once. */
import { useCallback, useState } from "react";

export interface Attempt {
  key: string;
  /** Begin another: the one before has ended, and what is asked for next is meant anew. */
  renew: () => void;
}

/** An Idempotency-Key that lives as long as the form it is sent from. */
export function useAttempt(): Attempt {
  const [key, setKey] = useState(() => crypto.randomUUID());
  const renew = useCallback(() => setKey(crypto.randomUUID()), []);
  return { key, renew };
}
