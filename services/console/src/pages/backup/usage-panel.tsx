import { Skeleton, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { Panel } from "../../components/panel";
import { ProblemNote } from "../../components/problem-note";
import { type Column, Records } from "../../components/records";
import { UsageChart } from "../../components/usage-chart";
import { instantText } from "../../format/instants";
import { sizeText } from "../../format/sizes";
import { t } from "../../messages";
import { type Backup, type UsageLevel, usageOfBackupQuery } from "../../queries/backups";
import { stepsOf } from "./levels";
import classes from "./usage-panel.module.css";

const words = t.backup.usage;
const HEIGHT = 240;

const COLUMNS: readonly Column<UsageLevel>[] = [
  { title: words.at, cell: ({ measured_at }) => <time dateTime={measured_at}>{instantText(measured_at)}</time> },
  { title: words.storage, cell: ({ storage_bytes }) => sizeText(storage_bytes), align: "end" },
  { title: words.objects, cell: ({ objects }) => objects.toLocaleString(), align: "end" },
];

/** Storage used since the backup was created, as a chart and as a table. */
export function UsagePanel({ backup }: { backup: Backup }) {
  const levels = useQuery(usageOfBackupQuery(backup.backup_id));
  return (
    <Panel title={words.title}>
      {levels.isPending && <Skeleton h={HEIGHT} />}
      {levels.isError && !levels.data && <ProblemNote error={levels.error} onRetry={() => void levels.refetch()} />}
      {levels.data?.length === 0 && <Text c="dimmed">{words.none}</Text>}
      {levels.data && levels.data.length > 0 && (
        <Levels backup={backup} levels={levels.data} readAt={levels.dataUpdatedAt} />
      )}
    </Panel>
  );
}

function Levels({ backup, levels, readAt }: { backup: Backup; levels: readonly UsageLevel[]; readAt: number }) {
  return (
    <>
      <UsageChart
        label={words.chart(backup.name, sizeText(levels.at(-1)?.storage_bytes))}
        points={stepsOf(levels, backup.created_at, new Date(readAt).toISOString())}
        when={instantText}
        height={HEIGHT}
      />
      <details className={classes.details}>
        <summary>{words.table}</summary>
        <Records
          label={words.title}
          columns={COLUMNS}
          rows={[...levels].reverse()}
          rowKey={({ measured_at }) => measured_at}
        />
      </details>
    </>
  );
}
