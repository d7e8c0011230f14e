/** What went wrong with a request, as a person may read it: what happened and what to do next, with a stable code. */
export class Problem extends Error {
  constructor(
    /** Stable: `docs/errors.md` lists those of the services; `offline` and `unreadable_answer` are ours. */
    readonly code: string,
    readonly detail: string,
    /** HTTP status; 0 where no answer came. */
    readonly status: number,
    /** What else the problem document holds (RFC 9457, 3.2), such as the id of the thing in the way. */
    readonly members: Readonly<Record<string, unknown>> = {},
    readonly retryAfterSeconds: number | null = null,
  ) {
    super(`${code}: ${detail}`);
    this.name = "Problem";
  }
}

/** A problem from a parsed body, whatever was answered. */
export function problemOf(body: unknown, response: Response): Problem {
  const retryAfter = Number(response.headers.get("Retry-After"));
  const wait = Number.isFinite(retryAfter) && retryAfter > 0 ? retryAfter : null;
  if (isDocument(body)) {
    const { code, detail, ...members } = body;
    return new Problem(code, detail, response.status, members, wait);
  }
  return new Problem("unreadable_answer", "", response.status, {}, wait);
}

/** Whether asking again by itself may help: nobody answered, or not now. */
export function isPassing(error: unknown): boolean {
  return error instanceof Problem && (error.status === 0 || error.status === 429 || error.status >= 500);
}

export function hasCode(error: unknown, ...codes: readonly string[]): error is Problem {
  return error instanceof Problem && codes.includes(error.code);
}

function isDocument(body: unknown): body is { code: string; detail: string } & Record<string, unknown> {
  return (
    typeof body === "object" &&
    body !== null &&
    "code" in body &&
    typeof body.code === "string" &&
    "detail" in body &&
    typeof body.detail === "string"
  );
}
