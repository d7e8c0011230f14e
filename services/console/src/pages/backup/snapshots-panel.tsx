import { Badge, Button, Group, Menu, Skeleton, Stack, Text } from "@mantine/core";
import { IconChevronDown, IconCloudUpload, IconDeviceDesktopDown } from "@tabler/icons-react";
import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { Link } from "react-router";
import { Instant } from "../../components/instant";
import { Panel } from "../../components/panel";
import { ProblemNote } from "../../components/problem-note";
import { type Column, Records } from "../../components/records";
import { instantText } from "../../format/instants";
import { sizeText } from "../../format/sizes";
import { t } from "../../messages";
import type { Backup } from "../../queries/backups";
import { doubtfulSnapshotsQuery, type Snapshot, snapshotsQuery } from "../../queries/snapshots";

const words = t.backup.snapshots;

/** What can be restored, newest first. */
export function SnapshotsPanel({ backup }: { backup: Backup }) {
  const found = useInfiniteQuery(snapshotsQuery(backup.backup_id));
  const snapshots = found.data?.pages.flatMap((page) => page.items);
  const isRestorable = backup.state === "active" || backup.state === "deleting";
  const columns: readonly Column<Snapshot>[] = [
    { title: words.time, cell: (snapshot) => <Time snapshot={snapshot} latest={backup.latest_snapshot_id} /> },
    { title: words.kind, cell: ({ kind }) => words.kinds[kind] },
    { title: words.holds, cell: ({ size_processed_bytes }) => sizeText(size_processed_bytes), align: "end" },
    { title: words.added, cell: ({ size_added_bytes }) => sizeText(size_added_bytes), align: "end" },
    { title: words.version, cell: ({ version }) => version },
    {
      title: words.restore,
      cell: (snapshot) => (isRestorable ? <Restore snapshot={snapshot} /> : null),
      align: "end",
    },
  ];
  return (
    <Panel title={words.title} actions={<Pending backupId={backup.backup_id} />}>
      {found.isPending && <Skeleton h={120} />}
      {found.isError && !found.data && <ProblemNote error={found.error} onRetry={() => void found.refetch()} />}
      {snapshots?.length === 0 && <Text c="dimmed">{words.none}</Text>}
      {snapshots && snapshots.length > 0 && (
        <Stack gap="sm">
          <Records label={words.label} columns={columns} rows={snapshots} rowKey={({ snapshot_id }) => snapshot_id} />
          <Text size="sm" c="dimmed">
            {words.note}
          </Text>
          {found.hasNextPage && (
            <Button variant="default" loading={found.isFetchingNextPage} onClick={() => void found.fetchNextPage()}>
              {t.shell.more}
            </Button>
          )}
        </Stack>
      )}
    </Panel>
  );
}

/** What a device has told of and the store does not have yet. */
function Pending({ backupId }: { backupId: string }) {
  const { data } = useQuery(doubtfulSnapshotsQuery(backupId));
  const count = data?.filter(({ status }) => status === "pending").length ?? 0;
  return (
    <Text aria-live="polite" component="div" size="sm">
      {count > 0 && words.pending(count)}
    </Text>
  );
}

function Time({ snapshot, latest }: { snapshot: Snapshot; latest: string | null }) {
  return (
    <Group gap="xs" component="span">
      <Instant at={snapshot.taken_at} />
      {snapshot.snapshot_id === latest && (
        <Badge variant="light" color="blue" tt="none">
          {words.latest}
        </Badge>
      )}
    </Group>
  );
}

function Restore({ snapshot: { backup_id, snapshot_id, taken_at } }: { snapshot: Snapshot }) {
  return (
    <Menu position="bottom-end">
      <Menu.Target>
        <Button
          size="xs"
          variant="default"
          aria-label={words.restoreOf(instantText(taken_at))}
          rightSection={<IconChevronDown size={14} aria-hidden />}
        >
          {words.restore}
        </Button>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Item
          component={Link}
          to={`/backups/${backup_id}/restore-to-cloud?snapshot=${snapshot_id}`}
          leftSection={<IconCloudUpload size={16} aria-hidden />}
        >
          {t.backup.toCloud}
        </Menu.Item>
        <Menu.Item
          component={Link}
          to={`/backups/${backup_id}/restore-to-local?snapshot=${snapshot_id}`}
          leftSection={<IconDeviceDesktopDown size={16} aria-hidden />}
        >
          {t.backup.toLocal}
        </Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}
