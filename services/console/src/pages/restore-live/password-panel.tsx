import { Button, Group, Stack, Text } from "@mantine/core";
import { type FormEvent, useRef, useState } from "react";
import { BackupPassword, type BackupPasswordHandle } from "../../components/backup-password";
import { Instant, useNow } from "../../components/instant";
import { Panel } from "../../components/panel";
import { ProblemNote } from "../../components/problem-note";
import { durationText } from "../../format/durations";
import { t } from "../../messages";
import type { CloudRestore } from "../../queries/restores";
import { GiveUpDialog } from "./cancel-dialogs";
import { type Sealing, useSealing } from "./use-sealing";

const words = t.restoreLive.password;

/** The password on its way to the instance: sent by itself where this tab has it, else asked for. */
export function PasswordPanel({ restore }: { restore: CloudRestore }) {
  const { sealing, take, resent } = useSealing(restore);
  const [givingUp, setGivingUp] = useState(false);
  const { password } = restore.cloud;
  const asksNow = restore.state === "awaiting_password";
  const canGiveUp = restore.actions.includes("give_up");
  const before = BEFORE.has(restore.state);
  if (!before && !asksNow && restore.state !== "verifying_password") {
    return resent ? <Text aria-live="polite">{words.resent}</Text> : null;
  }
  const needed = sealing.state === "needed";
  return (
    <Panel title={words.title}>
      <div aria-live="polite">
        <Standing sealing={sealing} />
        {needed && <Text maw="75ch">{whyOf(restore)}</Text>}
        {asksNow && password && (
          <Text maw="75ch">
            {words.until} <Instant at={password.until} />
            {words.untilAfter}
          </Text>
        )}
      </div>
      {needed && (
        <PasswordForm
          backupId={restore.backup_id}
          label={asksNow ? words.send : words.keep}
          // A form anew after a wrong one.
          key={password?.wrong_passwords ?? 0}
          onTaken={take}
        />
      )}
      {sealing.state === "failed" && <ProblemNote error={sealing.error} title={words.failed} onRetry={take} />}
      {canGiveUp && (
        <Group>
          <Button variant="default" onClick={() => setGivingUp(true)}>
            {words.forgot}
          </Button>
        </Group>
      )}
      {givingUp && <GiveUpDialog restore={restore} onClose={() => setGivingUp(false)} />}
    </Panel>
  );
}

const BEFORE: ReadonlySet<string> = new Set(["authorising", "provisioning", "installing"]);

function whyOf({ state, cloud: { password } }: CloudRestore): string {
  if (state !== "awaiting_password" || !password) return words.early;
  if (password.reason === "wrong") return words.wrong(password.attempts_left);
  return password.reason === "first" ? words.first : words.restarted;
}

function Standing({ sealing }: { sealing: Sealing }) {
  const now = useNow(1_000);
  switch (sealing.state) {
    case "kept":
      return <Text>{words.kept}</Text>;
    case "sending":
      return <Text>{words.sending}</Text>;
    case "sent":
      return <Text>{words.sent}</Text>;
    case "waiting":
      // The seconds are for the eye: heard each second they would drown everything else.
      return (
        <Text>
          <span aria-hidden>{words.waiting(durationText(Math.max(1, (sealing.until - now) / 1000)))}</span>
        </Text>
      );
    default:
      return null;
  }
}

function PasswordForm({ backupId, label, onTaken }: { backupId: string; label: string; onTaken: () => void }) {
  const password = useRef<BackupPasswordHandle>(null);
  const [busy, setBusy] = useState(false);
  async function submit(event: FormEvent) {
    event.preventDefault();
    setBusy(true);
    const settled = await password.current?.settle();
    setBusy(false);
    if (settled) onTaken();
  }
  return (
    <form onSubmit={submit} noValidate>
      <Stack maw={480}>
        <BackupPassword backupId={backupId} handle={password} />
        <Group>
          <Button type="submit" loading={busy}>
            {label}
          </Button>
        </Group>
      </Stack>
    </form>
  );
}
