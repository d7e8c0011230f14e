import { Anchor, Group, Progress, Text } from "@mantine/core";
import { Link } from "react-router";
import { Panel } from "../../components/panel";
import { type Column, Records } from "../../components/records";
import { moneyText } from "../../format/money";
import { percentText } from "../../format/shares";
import { sizeText } from "../../format/sizes";
import { t } from "../../messages";
import type { BackupUsage, Usage } from "../../queries/usage";
import { gbHoursText } from "./gb-hours";

const backups = t.billing.byBackup;
const instances = t.billing.byInstance;

const BACKUPS: readonly Column<BackupUsage>[] = [
  {
    title: backups.backup,
    cell: ({ backup_id, name }) =>
      name === null ? (
        backups.unnamed
      ) : (
        <Anchor component={Link} to={`/backups/${backup_id}`} fw={600}>
          {name}
        </Anchor>
      ),
  },
  { title: backups.share, cell: ({ share }) => <ShareOf share={share} /> },
  { title: backups.hours, cell: ({ byte_hours }) => gbHoursText(byte_hours), align: "end" },
  { title: backups.charge, cell: ({ charge }) => moneyText(charge), align: "end" },
];

type InstanceUsage = Usage["instances"][number];

const INSTANCES: readonly Column<InstanceUsage>[] = [
  {
    title: instances.instance,
    cell: ({ instance_id, name }) => (
      <Anchor component={Link} to={`/instances/${instance_id}`} fw={600}>
        {name}
      </Anchor>
    ),
  },
  {
    title: instances.traffic,
    cell: (use) => instances.of(sizeText(use.traffic_bytes), sizeText(use.included_traffic_bytes)),
    align: "end",
  },
  {
    title: instances.storage,
    cell: (use) => instances.of(sizeText(use.disk_bytes), sizeText(use.included_storage_bytes)),
    align: "end",
  },
  { title: instances.charge, cell: ({ charge }) => moneyText(charge), align: "end" },
];

export function ByBackup({ usage }: { usage: Usage }) {
  return (
    <Panel title={backups.title}>
      {usage.by_backup.length === 0 ? (
        <Text c="dimmed">{backups.none}</Text>
      ) : (
        <>
          <Records
            label={backups.title}
            columns={BACKUPS}
            rows={usage.by_backup}
            rowKey={({ backup_id }) => backup_id}
          />
          <Text size="sm" c="dimmed">
            {backups.hint}
          </Text>
        </>
      )}
    </Panel>
  );
}

/** Nothing without an instance. */
export function ByInstance({ usage }: { usage: Usage }) {
  if (usage.instances.length === 0) return null;
  return (
    <Panel title={instances.title}>
      <Records
        label={instances.title}
        columns={INSTANCES}
        rows={usage.instances}
        rowKey={({ instance_id }) => instance_id}
      />
    </Panel>
  );
}

function ShareOf({ share }: { share: string }) {
  return (
    <Group gap="xs" wrap="nowrap">
      <Progress value={Number(share) * 100} color="blue.8" w={80} aria-hidden />
      {percentText(share)}
    </Group>
  );
}
