import { Alert, Button, Stack, Text } from "@mantine/core";
import { IconCircleDashed, IconClockExclamation, IconPlayerStop, IconTrash, IconUnlink } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { CopyField } from "../../components/copy-field";
import { useNow } from "../../components/instant";
import { ProblemNote } from "../../components/problem-note";
import { ageText, instantText } from "../../format/instants";
import { standingOf } from "../../format/standings";
import { t } from "../../messages";
import { type Backup, useUndeleteBackup } from "../../queries/backups";
import { doubtfulSnapshotsQuery } from "../../queries/snapshots";
import { commandOf } from "./command";

const words = t.backup.notes;

/** What the owner of a backup should know of it before anything else, and what to do about it. */
export function Notes({ backup }: { backup: Backup }) {
  return (
    <>
      <Standing backup={backup} />
      <Damaged backupId={backup.backup_id} />
    </>
  );
}

function Standing({ backup }: { backup: Backup }) {
  const now = useNow();
  const age = backup.latest_snapshot_at === null ? "" : ageText(backup.latest_snapshot_at, now);
  const command = commandOf(backup);
  switch (standingOf(backup)) {
    case "overdue":
      return (
        <Note color="orange" icon={<IconClockExclamation aria-hidden />} title={words.overdue.title}>
          <Text>{command ? words.overdue.text(age) : words.overdue.device(age)}</Text>
          {command && <CopyField value={command} what={words.overdue.command} />}
        </Note>
      );
    case "empty":
      return (
        <Note color="blue" icon={<IconCircleDashed aria-hidden />} title={words.empty.title}>
          <Text>{command ? words.empty.text : words.empty.device}</Text>
          {command && <CopyField value={command} what={words.overdue.command} />}
        </Note>
      );
    case "stopped":
      return (
        <Note color="gray" icon={<IconPlayerStop aria-hidden />} title={words.stopped.title}>
          <Text>{words.stopped.text}</Text>
        </Note>
      );
    case "deleting":
      return <Deleting backup={backup} now={now} />;
    case "removing":
    case "deleted": {
      const said = backup.state === "deleted" ? words.deleted : words.removing;
      return (
        <Note color="gray" icon={<IconTrash aria-hidden />} title={said.title}>
          <Text>{said.text}</Text>
        </Note>
      );
    }
    default:
      return null;
  }
}

function Deleting({ backup, now }: { backup: Backup; now: number }) {
  const undelete = useUndeleteBackup();
  const due = backup.delete_due_at;
  return (
    <Note color="red" icon={<IconTrash aria-hidden />} title={words.deleting.title}>
      {due !== null && <Text>{words.deleting.text(instantText(due), ageText(due, now))}</Text>}
      {undelete.isError && <ProblemNote error={undelete.error} />}
      <div>
        <Button variant="default" loading={undelete.isPending} onClick={() => undelete.mutate(backup.backup_id)}>
          {words.deleting.undo}
        </Button>
      </div>
    </Note>
  );
}

function Damaged({ backupId }: { backupId: string }) {
  const { data } = useQuery(doubtfulSnapshotsQuery(backupId));
  const damaged = data?.filter(({ status }) => status === "damaged") ?? [];
  if (damaged.length === 0) return null;
  return (
    <Note color="red" icon={<IconUnlink aria-hidden />} title={words.damaged.title(damaged.length)}>
      <Text>{words.damaged.text(damaged.map(({ taken_at }) => instantText(taken_at)).join("; "))}</Text>
    </Note>
  );
}

interface NoteProps {
  color: string;
  icon: ReactNode;
  title: string;
  children: ReactNode;
}

function Note({ color, icon, title, children }: NoteProps) {
  return (
    <Alert variant="light" color={color} icon={icon} title={title} role="note">
      <Stack gap="xs" c="var(--mantine-color-text)">
        {children}
      </Stack>
    </Alert>
  );
}
