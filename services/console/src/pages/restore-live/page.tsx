import { Alert, Anchor, Button, Group, Skeleton, Stack, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { Link, useParams } from "react-router";
import { Facts } from "../../components/facts";
import { Instant } from "../../components/instant";
import { Page } from "../../components/page";
import { Panel } from "../../components/panel";
import { ProblemNote } from "../../components/problem-note";
import { sizeText } from "../../format/sizes";
import { t } from "../../messages";
import { isOver, type RestoreDetail, type RestoreState, restoreQuery } from "../../queries/restores";
import { Log } from "../instance/log";
import { StateBadge } from "../restores/state-badge";
import { CancelDialog } from "./cancel-dialogs";
import { Ending } from "./ending";
import { PasswordPanel } from "./password-panel";
import { ProgressPanel } from "./progress-panel";
import { TimelinePanel } from "./timeline-panel";
import { paceOf } from "./timeline-state";
import { useTimeline } from "./use-timeline";

const words = t.restoreLive;
const WRITING: ReadonlySet<RestoreState> = new Set(["restoring", "validating", "capturing", "verifying"]);

export function Component() {
  const { restoreId = "" } = useParams();
  const found = useQuery(restoreQuery(restoreId));
  const restore = found.data;
  return (
    <Page
      title={restore ? words.titleOf(restore.backup_name) : words.title}
      parent={{ to: "/restores", label: words.parent }}
      actions={restore && <Cancel restore={restore} />}
    >
      {found.isError && !restore && <ProblemNote error={found.error} onRetry={() => void found.refetch()} />}
      {found.isPending && <Loading />}
      {restore && <Shown key={restoreId} restore={restore} />}
    </Page>
  );
}

function Shown({ restore }: { restore: RestoreDetail }) {
  const { restore_id, state, cloud } = restore;
  const timeline = useTimeline(restore_id);
  const ended = isOver(restore) || state === "needs_operator";
  return (
    <>
      {ended ? <Ending restore={restore} /> : <Standing restore={restore} />}
      {state === "quoted" && <Quoted restore={restore} />}
      {cloud && <PasswordPanel restore={{ ...restore, cloud }} />}
      {WRITING.has(state) && <ProgressPanel restore={restore} pace={paceOf(timeline.known.progress)} />}
      {WRITING.has(state) && cloud?.instance_id && <Copying instanceId={cloud.instance_id} />}
      <TimelinePanel timeline={timeline} isCloud={cloud !== null} />
      <About restore={restore} />
      {cloud?.instance_id && <Log instanceId={cloud.instance_id} />}
    </>
  );
}

function Standing({ restore: { state } }: { restore: RestoreDetail }) {
  return (
    <Group gap="sm" aria-live="polite">
      <StateBadge state={state} />
      <Text>{words.states[state].means}</Text>
    </Group>
  );
}

/** An order that waits for its owner's word, perhaps because a card was declined. */
function Quoted({ restore: { restore_id, backup_id, code, reason } }: { restore: RestoreDetail }) {
  const params = new URLSearchParams({ step: "charges", restore: restore_id });
  return (
    <Alert
      color={code === null ? "blue" : "red"}
      variant="light"
      title={code === null ? words.states.quoted.name : t.restore.pay.declined}
    >
      <Stack gap="xs" align="flex-start">
        <Text c="var(--mantine-color-text)">
          {code === null ? words.quoted.text : t.restore.pay.declinedText(reason ?? "")}
        </Text>
        <Button component={Link} to={`/backups/${backup_id}/restore-to-cloud?${params}`}>
          {words.quoted.go}
        </Button>
      </Stack>
    </Alert>
  );
}

function Copying({ instanceId }: { instanceId: string }) {
  return (
    <Text size="sm" c="dimmed">
      {words.cancel.copying}{" "}
      <Anchor component={Link} to={`/instances/${instanceId}`} size="sm">
        {words.cancel.toInstance}
      </Anchor>
    </Text>
  );
}

function Cancel({ restore }: { restore: RestoreDetail }) {
  const [asking, setAsking] = useState(false);
  if (!restore.actions.includes("cancel")) return null;
  return (
    <>
      <Button variant="default" onClick={() => setAsking(true)}>
        {words.cancel.label}
      </Button>
      {asking && <CancelDialog restore={restore} onClose={() => setAsking(false)} />}
    </>
  );
}

function About({ restore }: { restore: RestoreDetail }) {
  const { backup_id, backup_name, snapshot_taken_at, size_processed_bytes, created_at, ended_at, cloud } = restore;
  return (
    <Panel title={words.facts.title}>
      <Facts
        facts={[
          [
            words.facts.backup,
            <Anchor key="backup" component={Link} to={`/backups/${backup_id}`}>
              {backup_name}
            </Anchor>,
          ],
          [words.facts.snapshot, <Instant key="snapshot" at={snapshot_taken_at} />],
          [words.facts.size, size_processed_bytes === null ? null : sizeText(size_processed_bytes)],
          [words.facts.target, cloud ? null : words.facts.local],
          [words.facts.terminus, cloud?.instance_name ?? null],
          [words.facts.instance, cloud && words.facts.place(placeOf(cloud), cloud.plan)],
          [words.facts.began, <Instant key="began" at={created_at} />],
          [words.facts.ended, ended_at && <Instant key="ended" at={ended_at} />],
        ]}
      />
    </Panel>
  );
}

function placeOf({ provider, region }: NonNullable<RestoreDetail["cloud"]>): string {
  return [...new Set([provider, region])].join(" ");
}

function Loading() {
  return (
    <Stack aria-busy aria-label={t.shell.loading}>
      <Skeleton h={28} w={320} />
      <Skeleton h={160} />
      <Skeleton h={260} />
    </Stack>
  );
}
