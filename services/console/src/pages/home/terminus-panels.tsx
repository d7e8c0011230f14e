import { Anchor, Stack, Text } from "@mantine/core";
import { Link } from "react-router";
import { Age } from "../../components/instant";
import { Panel } from "../../components/panel";
import { type Column, Records } from "../../components/records";
import { StandingBadge } from "../../components/standing-badge";
import { intervalOf } from "../../format/intervals";
import { sizeText } from "../../format/sizes";
import { t } from "../../messages";
import type { Backup } from "../../queries/backups";
import type { Group } from "./groups";

const words = t.home.terminus;
const SHOWN = 6;

const COLUMNS: readonly Column<Backup>[] = [
  { title: t.backups.columns.name, cell: nameOf },
  { title: t.backups.columns.state, cell: (backup) => <StandingBadge backup={backup} /> },
  { title: words.latest, cell: latestOf },
  { title: t.backups.columns.storage, cell: storageOf, align: "end" },
];

/** Each home cloud with the last good snapshot of what is backed up of it. */
export function TerminusPanels({ groups }: { groups: readonly Group[] }) {
  return (
    <Stack gap="lg">
      {groups.map((group) => (
        <TerminusPanel key={group.terminusId} group={group} />
      ))}
    </Stack>
  );
}

function TerminusPanel({ group: { terminusId, name, backups } }: { group: Group }) {
  const title = name ?? words.none;
  const bytes = backups.reduce((sum, { storage_bytes }) => sum + storage_bytes, 0);
  const all = terminusId === null ? "/backups" : `/backups?terminus=${terminusId}`;
  return (
    <Panel
      title={title}
      actions={backups.length > 0 && <Text c="dimmed">{words.sum(backups.length, sizeText(bytes))}</Text>}
    >
      {backups.length === 0 ? (
        <Text>{words.empty}</Text>
      ) : (
        <Records
          label={words.label(title)}
          columns={COLUMNS}
          rows={backups.slice(0, SHOWN)}
          rowKey={({ backup_id }) => backup_id}
        />
      )}
      {backups.length > SHOWN && (
        <Anchor component={Link} to={all} aria-label={`${words.all(backups.length)}: ${title}`}>
          {words.all(backups.length)}
        </Anchor>
      )}
    </Panel>
  );
}

function nameOf({ backup_id, name }: Backup) {
  return (
    <Anchor component={Link} to={`/backups/${backup_id}`} fw={600}>
      {name}
    </Anchor>
  );
}

function latestOf({ latest_snapshot_at, usual_interval_seconds }: Backup) {
  if (latest_snapshot_at === null) return words.never;
  return (
    <>
      <Age at={latest_snapshot_at} />
      {usual_interval_seconds !== null && (
        <Text size="sm" c="dimmed">
          {words.usually(t.home.every(intervalOf(usual_interval_seconds)))}
        </Text>
      )}
    </>
  );
}

function storageOf({ measured_at, storage_bytes }: Backup) {
  return measured_at ? sizeText(storage_bytes) : t.backups.unmeasured;
}
