const HOME = "/";
/** Only a path; where an address with a host would lead is compared below. */
const ORIGIN = "https://console.invalid";

/**
 * Where to go after signing in: where one wanted to go before, else Home. Never to another origin, and never back to the
 * page for signing in.
 *
 * @param state - Of the history's entry, so perhaps of an older console, or of nobody's making.
 */
export function destinationOf(state: unknown): string {
  const from = typeof state === "object" && state !== null && "from" in state ? state.from : null;
  if (typeof from !== "string" || !from.startsWith("/")) return HOME;
  const address = URL.parse(from, ORIGIN);
  if (address === null || address.origin !== ORIGIN || address.pathname.startsWith("//")) return HOME;
  if (/^\/sign-in\/*$/.test(address.pathname)) return HOME;
  return address.pathname + address.search + address.hash;
}
