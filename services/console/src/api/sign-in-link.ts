/**
 * The secret of a one-time link (`/sign-in#link=…`). It leaves the address bar and the tab's history as soon as this is
 * loaded, before anything else reads the address, and when such a link is opened in a tab that is here already.
 */
const MARK = "#link=";

let secret: string | null = null;
const listeners = new Set<() => void>();

function take(): void {
  if (!location.hash.startsWith(MARK)) return;
  secret = location.hash.slice(MARK.length);
  history.replaceState(history.state, "", location.pathname + location.search);
  for (const listener of listeners) listener();
}

take();
window.addEventListener("hashchange", take);

export const linkStore = {
  subscribe(listener: () => void): () => void {
    listeners.add(listener);
    return () => listeners.delete(listener);
  },
  /** Null where no link was followed, or it was dropped. */
  read: (): string | null => secret,
};

export function dropLink(): void {
  secret = null;
  for (const listener of listeners) listener();
}
