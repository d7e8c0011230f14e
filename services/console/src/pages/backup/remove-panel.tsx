import { Button, Group, Stack, Text } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { Ask } from "../../components/ask";
import { Panel } from "../../components/panel";
import { sizeText } from "../../format/sizes";
import { t } from "../../messages";
import { type Backup, useDeleteBackup } from "../../queries/backups";

const words = t.backup.remove;

/** Deletes the backup after asking; what follows, and the way back, is said at the top of the page. */
export function RemovePanel({ backup }: { backup: Backup }) {
  const [isAsking, asking] = useDisclosure(false);
  const remove = useDeleteBackup();
  function close() {
    asking.close();
    remove.reset();
  }
  return (
    <Panel title={words.title}>
      <Group justify="space-between" gap="sm">
        <Text>{words.text}</Text>
        <Button variant="default" c="var(--mantine-color-error)" onClick={asking.open}>
          {words.button}
        </Button>
      </Group>
      <Ask
        opened={isAsking}
        title={words.ask(backup.name)}
        confirm={words.confirm}
        dangerous
        busy={remove.isPending}
        error={remove.error}
        onConfirm={() => remove.mutate(backup.backup_id, { onSuccess: () => scrollTo({ top: 0 }) })}
        onClose={close}
      >
        <Stack gap="xs">
          <Text>
            {backup.snapshot_count === 0
              ? words.empty
              : words.what(backup.snapshot_count, sizeText(backup.storage_bytes))}
          </Text>
          <Text>{words.grace}</Text>
        </Stack>
      </Ask>
    </Panel>
  );
}
