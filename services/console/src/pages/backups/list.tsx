import { Anchor, Button, Paper, Text } from "@mantine/core";
import { Link } from "react-router";
import { Age, Instant, useNow } from "../../components/instant";
import { type Column, Records } from "../../components/records";
import { StandingBadge } from "../../components/standing-badge";
import { ageText } from "../../format/instants";
import { sizeText } from "../../format/sizes";
import { t } from "../../messages";
import { type Backup, type BackupSort, useUndeleteBackup } from "../../queries/backups";
import { directionOf, nextSort } from "./filters";

const words = t.backups;

interface ListProps {
  backups: readonly Backup[];
  sort: BackupSort;
  onSort: (sort: BackupSort) => void;
  onKept: (backup: Backup) => void;
}

export function List({ backups, sort, onSort, onKept }: ListProps) {
  const orderOf = (column: string) => ({
    now: directionOf(sort, column),
    onChange: () => onSort(nextSort(sort, column)),
  });
  const columns: readonly Column<Backup>[] = [
    { title: words.columns.name, cell: (backup) => <Name backup={backup} />, order: orderOf("name") },
    { title: words.columns.state, cell: (backup) => <State backup={backup} onKept={onKept} /> },
    { title: words.columns.terminus, cell: ({ terminus_name }) => terminus_name },
    {
      title: words.columns.created,
      cell: ({ created_at }) => (
        <Text component="span" inherit style={{ whiteSpace: "nowrap" }}>
          <Instant at={created_at} />
        </Text>
      ),
      order: orderOf("created_at"),
    },
    {
      title: words.columns.latest,
      cell: ({ latest_snapshot_at }) => (latest_snapshot_at ? <Age at={latest_snapshot_at} /> : words.noSnapshot),
      order: orderOf("latest_snapshot_at"),
    },
    {
      title: words.columns.storage,
      cell: ({ measured_at, storage_bytes }) => (measured_at ? sizeText(storage_bytes) : words.unmeasured),
      align: "end",
      order: orderOf("storage_bytes"),
    },
  ];
  return (
    <Paper withBorder px={{ base: 0, sm: "xs" }}>
      <Records label={words.title} columns={columns} rows={backups} rowKey={({ backup_id }) => backup_id} />
    </Paper>
  );
}

function Name({ backup }: { backup: Backup }) {
  const source = backup.path ?? backup.app;
  return (
    <div>
      <Anchor component={Link} to={`/backups/${backup.backup_id}`} fw={600} size="md">
        {backup.name}
      </Anchor>
      {source !== null && (
        <Text size="sm" c="dimmed" fw={400} lineClamp={2}>
          {source}
        </Text>
      )}
    </div>
  );
}

function State({ backup, onKept }: { backup: Backup; onKept: (backup: Backup) => void }) {
  if (backup.state !== "deleting") return <StandingBadge backup={backup} />;
  return <Deleting backup={backup} onKept={onKept} />;
}

function Deleting({ backup, onKept }: { backup: Backup; onKept: (backup: Backup) => void }) {
  const now = useNow();
  const undelete = useUndeleteBackup();
  return (
    <div>
      <StandingBadge backup={backup} />{" "}
      <Button
        size="compact-xs"
        variant="default"
        mih={24}
        aria-label={words.undoOf(backup.name)}
        loading={undelete.isPending}
        onClick={() => undelete.mutate(backup.backup_id, { onSuccess: onKept })}
      >
        {words.undo}
      </Button>
      {backup.delete_due_at && (
        <Text size="sm" c="dimmed">
          {words.deletedIn(ageText(backup.delete_due_at, now))}
        </Text>
      )}
    </div>
  );
}
