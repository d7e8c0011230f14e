import { Tooltip } from "@mantine/core";
import { useEffect, useState } from "react";
import { ageText, instantText } from "../format/instants";

/** A point in time in full. */
export function Instant({ at }: { at: string }) {
  return <time dateTime={at}>{instantText(at)}</time>;
}

/** A point in time as its age, kept up to date; in full when pointed at. */
export function Age({ at }: { at: string }) {
  const now = useNow();
  return (
    <Tooltip label={instantText(at)}>
      <time dateTime={at}>{ageText(at, now)}</time>
    </Tooltip>
  );
}

/** Milliseconds since 1970, renewed every so often. */
export function useNow(everyMs = 30_000): number {
  const [now, setNow] = useState(Date.now);
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), everyMs);
    return () => clearInterval(timer);
  }, [everyMs]);
  return now;
}
