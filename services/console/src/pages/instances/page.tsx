import { Anchor, Button, Paper, SegmentedControl, Skeleton, Stack, Text } from "@mantine/core";
import { IconServer } from "@tabler/icons-react";
import { useInfiniteQuery } from "@tanstack/react-query";
import { useState } from "react";
import { Link } from "react-router";
import { Empty } from "../../components/empty";
import { Instant } from "../../components/instant";
import { Page } from "../../components/page";
import { ProblemNote } from "../../components/problem-note";
import { type Column, Records } from "../../components/records";
import { durationText } from "../../format/durations";
import { sizeText } from "../../format/sizes";
import { t } from "../../messages";
import { type Instance, instancesQuery } from "../../queries/instances";
import { placeText } from "./status";
import { StatusBadge } from "./status-badge";

const words = t.instances;

const LIVE: readonly Column<Instance>[] = [
  { title: words.columns.name, cell: nameOf },
  { title: words.columns.status, cell: ({ status }) => <StatusBadge status={status} /> },
  { title: words.columns.place, cell: placeText },
  { title: words.columns.plan, cell: ({ plan }) => plan },
  { title: words.columns.runtime, cell: ({ runtime_seconds }) => runtimeText(runtime_seconds), align: "end" },
  { title: words.columns.traffic, cell: ({ usage }) => sizeText(usage.traffic_bytes), align: "end" },
];
const OVER: readonly Column<Instance>[] = [
  ...LIVE.slice(0, 5),
  { title: words.columns.ended, cell: ({ ended_at }) => ended_at && <Instant at={ended_at} />, align: "end" },
];

export function Component() {
  const [live, setLive] = useState(true);
  return (
    <Page title={words.title} subtitle={words.subtitle} size="xl">
      <div>
        <SegmentedControl
          aria-label={words.show}
          value={live ? "live" : "over"}
          onChange={(value) => setLive(value === "live")}
          data={[
            { value: "live", label: words.live },
            { value: "over", label: words.over },
          ]}
        />
      </div>
      <List live={live} />
    </Page>
  );
}

function List({ live }: { live: boolean }) {
  const found = useInfiniteQuery(instancesQuery(live));
  if (found.isPending) return <Loading />;
  if (found.isError && !found.data) return <ProblemNote error={found.error} onRetry={() => void found.refetch()} />;
  const rows = found.data.pages.flatMap((page) => page.items);
  if (rows.length === 0) return live ? <First /> : <Text c="dimmed">{words.empty.over}</Text>;
  return (
    <Stack>
      <Paper withBorder px={{ base: 0, sm: "xs" }}>
        <Records
          label={words.title}
          columns={live ? LIVE : OVER}
          rows={rows}
          rowKey={({ instance_id }) => instance_id}
        />
      </Paper>
      {found.hasNextPage && (
        <Button variant="default" loading={found.isFetchingNextPage} onClick={() => void found.fetchNextPage()}>
          {t.shell.more}
        </Button>
      )}
    </Stack>
  );
}

function First() {
  return (
    <Empty icon={<IconServer size={32} stroke={1.5} aria-hidden />} title={words.empty.title}>
      <Text maw="60ch">{words.empty.text}</Text>
      <Button component={Link} to="/backups">
        {words.empty.choose}
      </Button>
    </Empty>
  );
}

function Loading() {
  return (
    <Paper withBorder p="md" aria-busy aria-label={t.shell.loading}>
      <Stack>
        {[0, 1, 2].map((row) => (
          <Skeleton key={row} h={28} />
        ))}
      </Stack>
    </Paper>
  );
}

function nameOf({ instance_id, name }: Instance) {
  return (
    <Anchor component={Link} to={`/instances/${instance_id}`} fw={600}>
      {name}
    </Anchor>
  );
}

function runtimeText(seconds: number | null) {
  if (seconds === null) return null;
  return seconds < 60 ? words.shortRuntime : durationText(seconds);
}
