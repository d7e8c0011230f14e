import { useEffect, useState } from "react";
import { resume, type Session } from "../api/session";
import { useSession } from "./use-session";

interface Resumed {
  session: Session;
  /** Why it is not known whether somebody is signed in; null while it is asked. */
  failure: unknown;
  retry: () => void;
}

/** The session, taken up if it is not known yet. */
export function useResumed(): Resumed {
  const session = useSession();
  const [failure, setFailure] = useState<unknown>(null);
  const [attempt, setAttempt] = useState(0);

  // biome-ignore lint/correctness/useExhaustiveDependencies: another attempt asks again
  useEffect(() => {
    if (session.state !== "unknown") return;
    setFailure(null);
    resume().catch(setFailure);
  }, [session.state, attempt]);

  return { session, failure, retry: () => setAttempt((before) => before + 1) };
}
