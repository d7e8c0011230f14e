import { useSyncExternalStore } from "react";
import { type Owner, type Session, sessionStore } from "../api/session";

export function useSession(): Session {
  return useSyncExternalStore(sessionStore.subscribe, sessionStore.read);
}

/** The owner who is signed in; for what is shown to signed-in owners alone. */
export function useOwner(): Owner {
  const session = useSession();
  if (session.state !== "signed-in") throw new Error("Nobody is signed in.");
  return session.owner;
}
