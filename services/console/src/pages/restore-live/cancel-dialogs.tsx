import { Stack, Text } from "@mantine/core";
import { Ask } from "../../components/ask";
import { t } from "../../messages";
import { type CloudRestore, type RestoreDetail, useCancelRestore } from "../../queries/restores";

/** Asks whether to give a restore up, with what that costs. */
export function GiveUpDialog({ restore, onClose }: { restore: CloudRestore; onClose: () => void }) {
  const words = t.restoreLive.giveUp;
  const cancelling = useCancelRestore();
  return (
    <Ask
      dangerous
      title={words.title(restore.cloud.instance_name)}
      confirm={words.confirm}
      busy={cancelling.isPending}
      error={cancelling.error}
      onConfirm={() => cancelling.mutate(restore.restore_id, { onSuccess: onClose })}
      onClose={onClose}
    >
      <Stack>
        <Text>{words.text}</Text>
        {restore.cloud.quote && <Text>{restore.cloud.quote.if_given_up}</Text>}
      </Stack>
    </Ask>
  );
}

/** Asks whether to call a restore off. */
export function CancelDialog({ restore, onClose }: { restore: RestoreDetail; onClose: () => void }) {
  const words = t.restoreLive.cancel;
  const cancelling = useCancelRestore();
  return (
    <Ask
      dangerous
      title={words.title(restore.backup_name)}
      confirm={words.confirm}
      busy={cancelling.isPending}
      error={cancelling.error}
      onConfirm={() => cancelling.mutate(restore.restore_id, { onSuccess: onClose })}
      onClose={onClose}
    >
      {restore.target === "cloud" ? words.cloud : words.local}
    </Ask>
  );
}
