import { Text } from "@mantine/core";
import { Panel } from "../../components/panel";
import { ProblemNote } from "../../components/problem-note";
import { clockText, instantText } from "../../format/instants";
import { t } from "../../messages";
import { entryText } from "./entry-text";
import classes from "./timeline.module.css";
import type { Timeline } from "./use-timeline";

const words = t.restoreLive.timeline;

/** What happened, oldest first. */
export function TimelinePanel({ timeline, isCloud }: { timeline: Timeline; isCloud: boolean }) {
  const { known, state, error, retry } = timeline;
  return (
    <Panel title={words.title}>
      {error !== null && <ProblemNote error={error} onRetry={retry} />}
      {known.events.length === 0 && <Text c="dimmed">{words.empty}</Text>}
      <ol className={classes.timeline}>
        {known.events.map((entry) => (
          <li key={entry.number} className={classes.entry} data-moved={entry.kind === "moved" || undefined}>
            <time dateTime={entry.recorded_at} title={instantText(entry.recorded_at)}>
              {clockText(entry.recorded_at)}
            </time>
            <span>{entryText(entry, isCloud)}</span>
          </li>
        ))}
      </ol>
      <Text size="sm" c="dimmed" aria-live="polite">
        {state === "lost" && words.lost}
      </Text>
    </Panel>
  );
}
