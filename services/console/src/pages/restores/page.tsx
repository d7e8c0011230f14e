import { Anchor, Button, Paper, Skeleton, Stack, Text, Title } from "@mantine/core";
import { IconRestore } from "@tabler/icons-react";
import { type InfiniteData, type UseInfiniteQueryResult, useInfiniteQuery } from "@tanstack/react-query";
import { useId } from "react";
import { Link } from "react-router";
import { Empty } from "../../components/empty";
import { Age, Instant } from "../../components/instant";
import { Page } from "../../components/page";
import { ProblemNote } from "../../components/problem-note";
import { type Column, Records } from "../../components/records";
import { sizeText } from "../../format/sizes";
import { t } from "../../messages";
import { type Restore, restoresQuery } from "../../queries/restores";
import { StateBadge } from "./state-badge";

const words = t.restores;

const COMMON: readonly Column<Restore>[] = [
  { title: words.columns.backup, cell: nameOf },
  { title: words.columns.state, cell: ({ state }) => <StateBadge state={state} /> },
  { title: words.columns.target, cell: ({ cloud }) => cloud?.instance_name ?? words.local },
];
const RUNNING: readonly Column<Restore>[] = [
  ...COMMON,
  { title: words.columns.progress, cell: progressOf, align: "end" },
  { title: words.columns.began, cell: ({ created_at }) => <Age at={created_at} />, align: "end" },
];
const PAST: readonly Column<Restore>[] = [
  ...COMMON,
  { title: words.columns.restored, cell: restoredOf, align: "end" },
  { title: words.columns.ended, cell: ({ ended_at }) => ended_at && <Instant at={ended_at} />, align: "end" },
];

export function Component() {
  const running = useInfiniteQuery(restoresQuery(true));
  const past = useInfiniteQuery(restoresQuery(false));
  const isEmpty = [running, past].every((each) => each.data?.pages[0]?.items.length === 0);
  return (
    <Page title={words.title} subtitle={words.subtitle} size="xl">
      {isEmpty ? (
        <First />
      ) : (
        <>
          <Section title={words.running} columns={RUNNING} found={running} none={words.noneRunning} />
          <Section title={words.past} columns={PAST} found={past} none={words.nonePast} />
        </>
      )}
    </Page>
  );
}

interface SectionProps {
  title: string;
  columns: readonly Column<Restore>[];
  found: UseInfiniteQueryResult<InfiniteData<{ items: Restore[] }>>;
  none: string;
}

function Section({ title, columns, found, none }: SectionProps) {
  const id = useId();
  return (
    <Stack component="section" gap="sm" aria-labelledby={id}>
      <Title order={2} size="h4" id={id}>
        {title}
      </Title>
      <List title={title} columns={columns} found={found} none={none} />
    </Stack>
  );
}

function List({ title, columns, found, none }: SectionProps) {
  if (found.isPending) return <Skeleton h={120} aria-busy aria-label={t.shell.loading} />;
  if (found.isError && !found.data) return <ProblemNote error={found.error} onRetry={() => void found.refetch()} />;
  const rows = found.data.pages.flatMap((page) => page.items);
  if (rows.length === 0) return <Text c="dimmed">{none}</Text>;
  return (
    <Stack>
      <Paper withBorder px={{ base: 0, sm: "xs" }}>
        <Records label={title} columns={columns} rows={rows} rowKey={({ restore_id }) => restore_id} />
      </Paper>
      {found.hasNextPage && (
        <div>
          <Button variant="default" loading={found.isFetchingNextPage} onClick={() => void found.fetchNextPage()}>
            {t.shell.more}
          </Button>
        </div>
      )}
    </Stack>
  );
}

function First() {
  return (
    <Empty icon={<IconRestore size={32} stroke={1.5} aria-hidden />} title={words.empty.title}>
      <Text maw="60ch">{words.empty.text}</Text>
      <Button component={Link} to="/backups">
        {words.empty.choose}
      </Button>
    </Empty>
  );
}

function nameOf({ restore_id, backup_name }: Restore) {
  return (
    <Anchor component={Link} to={`/restores/${restore_id}`} fw={600}>
      {backup_name}
    </Anchor>
  );
}

function progressOf({ bytes_restored, total_bytes }: Restore) {
  if (bytes_restored === null || !total_bytes) return null;
  const share = Math.floor((bytes_restored / total_bytes) * 100) / 100;
  return words.percent(new Intl.NumberFormat(undefined, { style: "percent" }).format(Math.min(1, share)));
}

function restoredOf({ state, bytes_restored }: Restore) {
  return state === "completed" && bytes_restored !== null ? sizeText(bytes_restored) : null;
}
