import { Problem } from "../../api/problem";

/** The fields of a body that a service refused, by their names; empty for any other problem. */
export function wrongFields(error: unknown): ReadonlySet<string> {
  const errors = error instanceof Problem && error.code === "request_invalid" ? error.members.errors : [];
  const names = Array.isArray(errors) ? errors.map(nameOf) : [];
  return new Set(names.filter((name) => name !== null));
}

function nameOf(error: unknown): string | null {
  const location = typeof error === "object" && error !== null && "location" in error ? error.location : null;
  const [part, name] = Array.isArray(location) ? location : [];
  return part === "body" && typeof name === "string" ? name : null;
}
