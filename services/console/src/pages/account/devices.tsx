import { Badge, Button, Group, Text } from "@mantine/core";
import { useInfiniteQuery } from "@tanstack/react-query";
import { useState } from "react";
import { Ask } from "../../components/ask";
import { EnrolCommand } from "../../components/enrol-command";
import { Age, Instant } from "../../components/instant";
import { Panel } from "../../components/panel";
import type { Column } from "../../components/records";
import { t } from "../../messages";
import { type Device, devicesQuery, useRemoveDevice } from "../../queries/account";
import { Listed } from "./listed";

const words = t.account.devices;

/** The keys that may sign in as this owner. */
export function Devices() {
  const found = useInfiniteQuery(devicesQuery);
  const [removing, setRemoving] = useState<Device | null>(null);
  const columns: readonly Column<Device>[] = [
    { title: words.name, cell: (device) => <Name device={device} /> },
    { title: words.added, cell: ({ created_at }) => <Instant at={created_at} /> },
    { title: words.seen, cell: ({ last_seen_at }) => <Age at={last_seen_at} /> },
    {
      title: words.remove,
      align: "end",
      cell: (device) => (
        <Button
          size="xs"
          variant="default"
          aria-label={words.removeOf(device.name)}
          onClick={() => setRemoving(device)}
        >
          {words.remove}
        </Button>
      ),
    },
  ];
  return (
    <Panel title={words.title}>
      <Text maw="75ch">{words.text}</Text>
      <Listed label={words.title} found={found} columns={columns} rowKey={({ device_id }) => device_id} />
      <EnrolCommand />
      {removing && <Remove device={removing} onClose={() => setRemoving(null)} />}
    </Panel>
  );
}

function Name({ device }: { device: Device }) {
  return (
    <Group gap="xs">
      <span>{device.name}</span>
      {device.is_first && (
        <Badge variant="light" color="gray" tt="none">
          {words.first}
        </Badge>
      )}
    </Group>
  );
}

function Remove({ device, onClose }: { device: Device; onClose: () => void }) {
  const removing = useRemoveDevice();
  return (
    <Ask
      dangerous
      title={words.ask(device.name)}
      confirm={words.confirm}
      busy={removing.isPending}
      error={removing.error}
      onConfirm={() => removing.mutate(device.device_id, { onSuccess: onClose })}
      onClose={onClose}
    >
      {words.follows}
    </Ask>
  );
}
