/** Server-sent events with the session's token, which EventSource cannot send. */
import { EventSourceParserStream } from "eventsource-parser/stream";
import { authorised } from "./client";
import { pause } from "./pause";
import { Problem, problemOf } from "./problem";

export interface Told {
  /** The event's number, from which a lost connection goes on. */
  id: string;
  event: string;
  data: string;
}

const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 15_000;

/**
 * Follow a stream until `signal` ends it. A connection that breaks is made again after the last event told; events are
 * told once each, in order.
 *
 * @param onLost - Told `true` when the stream is away and `false` when it is back.
 * @throws Problem if the stream is refused for good: a 4xx that asking again does not change.
 */
export async function follow(
  path: string,
  onTold: (told: Told) => void,
  signal: AbortSignal,
  onLost: (lost: boolean) => void = () => {},
): Promise<void> {
  let lastId: string | undefined;
  let wait = FIRST_WAIT_MS;
  while (!signal.aborted) {
    try {
      const headers: Record<string, string> = { Accept: "text/event-stream" };
      if (lastId !== undefined) headers["Last-Event-ID"] = lastId;
      const response = await authorised(new Request(new URL(path, location.origin), { headers, signal }));
      if (!response.ok || !response.body) throw problemOf(await response.json().catch(() => null), response);
      onLost(false);
      const events = response.body.pipeThrough(new TextDecoderStream()).pipeThrough(new EventSourceParserStream());
      for await (const { id, event, data } of events) {
        wait = FIRST_WAIT_MS;
        if (id !== undefined) lastId = id;
        onTold({ id: id ?? "", event: event ?? "message", data });
      }
    } catch (error) {
      if (signal.aborted) return;
      if (error instanceof Problem && error.status >= 400 && error.status < 500 && error.status !== 429) throw error;
      onLost(true);
    }
    await pause(wait, signal);
    wait = Math.min(wait * 2, LONGEST_WAIT_MS);
  }
}
