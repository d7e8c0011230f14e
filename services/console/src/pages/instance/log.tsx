import { Button, CopyButton, Group, SegmentedControl, Text } from "@mantine/core";
import { IconArrowDown, IconCheck, IconCopy, IconPlayerPause, IconPlayerPlay } from "@tabler/icons-react";
import { useEffect, useLayoutEffect, useRef, useState } from "react";
import { Panel } from "../../components/panel";
import { ProblemNote } from "../../components/problem-note";
import { clockText, instantText } from "../../format/instants";
import { t } from "../../messages";
import type { LogLine } from "../../queries/instances";
import classes from "./log.module.css";
import { asText, MOST_LINES } from "./log-lines";
import { useLog } from "./use-log";

const words = t.instances.log;
type Source = "all" | LogLine["source"];
const SOURCES: readonly Source[] = ["all", "space", "agent"];
// So near to its end one is at its end: heights of lines are rounded.
const NEAR_PX = 8;
// After that, what comes is new.
const SETTLED_MS = 2_000;

export function Log({ instanceId }: { instanceId: string }) {
  const [paused, setPaused] = useState(false);
  const [source, setSource] = useState<Source>("all");
  const { shown, state, error, waiting, retry } = useLog(instanceId, paused);
  const lines = source === "all" ? shown.lines : shown.lines.filter((line) => line.source === source);
  return (
    <Panel
      title={words.title}
      actions={
        <>
          <SegmentedControl
            aria-label={words.from}
            size="xs"
            value={source}
            onChange={(value) => setSource(value as Source)}
            data={SOURCES.map((value) => ({ value, label: words.sources[value] }))}
          />
          {state !== "over" && <Pause paused={paused} waiting={waiting} onChange={setPaused} />}
          <Copy lines={lines} />
        </>
      }
    >
      {error !== null && <ProblemNote error={error} onRetry={retry} />}
      {shown.cut && (
        <Text size="sm" c="dimmed">
          {words.older(MOST_LINES)}
        </Text>
      )}
      <Lines lines={lines} live={!paused && state === "live"} />
      <Text size="sm" c="dimmed" aria-live="polite">
        {state === "over" ? words.over : state === "lost" ? words.lost : ""}
      </Text>
    </Panel>
  );
}

/** Stays at its end while it is there; where somebody reads further up, it stays there. */
function Lines({ lines, live }: { lines: readonly LogLine[]; live: boolean }) {
  const box = useRef<HTMLDivElement>(null);
  const [atEnd, setAtEnd] = useState(true);
  const [settled, setSettled] = useState(false);
  const last = lines.at(-1)?.number;

  useEffect(() => {
    const timer = setTimeout(() => setSettled(true), SETTLED_MS);
    return () => clearTimeout(timer);
  }, []);

  // biome-ignore lint/correctness/useExhaustiveDependencies: what has come moves the end
  useLayoutEffect(() => {
    if (atEnd && box.current) box.current.scrollTop = box.current.scrollHeight;
  }, [last, lines.length, atEnd]);

  function look() {
    const it = box.current;
    if (it) setAtEnd(it.scrollHeight - it.scrollTop - it.clientHeight <= NEAR_PX);
  }
  return (
    <div className={classes.frame}>
      <div
        ref={box}
        className={classes.log}
        role="log"
        aria-label={words.region}
        // What was written before is not read out; what is written from now on is.
        aria-live={live && settled ? "polite" : "off"}
        // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls is reached by the keyboard
        tabIndex={0}
        onScroll={look}
      >
        {lines.length === 0 && <Text c="dimmed">{words.empty}</Text>}
        {lines.map(({ number, logged_at, source, line }) => (
          <div key={number} className={classes.line}>
            <time dateTime={logged_at} title={instantText(logged_at)}>
              {clockText(logged_at)}
            </time>
            <span>{words.sources[source]}</span>
            <span>{line}</span>
          </div>
        ))}
      </div>
      {!atEnd && (
        <Button
          size="xs"
          className={classes.newest}
          leftSection={<IconArrowDown size={14} aria-hidden />}
          onClick={() => setAtEnd(true)}
        >
          {words.newest}
        </Button>
      )}
    </div>
  );
}

function Pause({
  paused,
  waiting,
  onChange,
}: {
  paused: boolean;
  waiting: number;
  onChange: (paused: boolean) => void;
}) {
  const Icon = paused ? IconPlayerPlay : IconPlayerPause;
  return (
    <Group gap="xs">
      <Button
        size="xs"
        variant="default"
        leftSection={<Icon size={14} aria-hidden />}
        onClick={() => onChange(!paused)}
      >
        {paused ? words.resume : words.pause}
      </Button>
      {paused && waiting > 0 && (
        <Text size="sm" className="numbers">
          {words.waiting(waiting)}
        </Text>
      )}
    </Group>
  );
}

function Copy({ lines }: { lines: readonly LogLine[] }) {
  return (
    <CopyButton value={asText(lines)} timeout={2_000}>
      {({ copied, copy }) => (
        <Button
          size="xs"
          variant="default"
          aria-label={words.copy}
          leftSection={copied ? <IconCheck size={14} aria-hidden /> : <IconCopy size={14} aria-hidden />}
          onClick={copy}
        >
          <span aria-live="polite">{copied ? t.shell.copied : t.shell.copy}</span>
        </Button>
      )}
    </CopyButton>
  );
}
