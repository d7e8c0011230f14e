import { Navigate, Outlet, useLocation } from "react-router";
import { FullPage } from "./full-page";
import { ProblemNote } from "./problem-note";
import { useResumed } from "./use-resumed";

/** Lets through who is signed in; anybody else signs in first and comes back to where they wanted to go. */
export function SignedIn() {
  const { session, failure, retry } = useResumed();
  const { pathname, search } = useLocation();
  if (session.state === "signed-in") return <Outlet />;
  if (session.state === "signed-out") return <Navigate to="/sign-in" state={{ from: pathname + search }} replace />;
  return <FullPage>{failure !== null && <ProblemNote error={failure} onRetry={retry} />}</FullPage>;
}
