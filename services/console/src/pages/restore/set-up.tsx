import { Button, Group, Skeleton, Stack, Text, TextInput } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { type FormEvent, useRef, useState } from "react";
import { Link } from "react-router";
import { hasCode } from "../../api/problem";
import { BackupPassword, type BackupPasswordHandle } from "../../components/backup-password";
import { Panel } from "../../components/panel";
import { ProblemNote, problemText } from "../../components/problem-note";
import { useOwner } from "../../components/use-session";
import { t } from "../../messages";
import { offersQuery } from "../../queries/offers";
import { type Backup, restorableSnapshotsQuery } from "../../queries/restorable";
import type { RestoreDetail, RestoreWish } from "../../queries/restores";
import { type Choices, defaultName, isSameWish, placeOf, snapshotOf, wishOf } from "./choices";
import { OrderRefusal } from "./order-refusal";
import { PlaceChoice } from "./place-choice";
import { SnapshotChoice } from "./snapshot-choice";
import { useOrder } from "./use-order";

const words = t.restore.setUp;

interface SetUpProps {
  backup: Backup;
  choices: Choices;
  /** What was quoted before for these choices, or others. */
  before: RestoreDetail | null;
  onChoose: (changes: Partial<Choices>) => void;
  onQuoted: (wish: RestoreWish, restoreId: string) => void;
}

/** The first step: where to, what, and the password; at its end the charges are asked for. */
export function SetUp({ backup, choices, before, onChoose, onQuoted }: SetUpProps) {
  const owner = useOwner();
  const offers = useQuery(offersQuery);
  const snapshots = useQuery(restorableSnapshotsQuery(backup.backup_id));
  const order = useOrder();
  const password = useRef<BackupPasswordHandle>(null);
  const [name, setName] = useState(choices.name ?? defaultName(backup.terminus_name, owner.olares_name));
  const [settling, setSettling] = useState(false);
  const [nameWrong, setNameWrong] = useState(false);

  const failed = [offers, snapshots].find((each) => each.isError && !each.data);
  if (failed) return <ProblemNote error={failed.error} onRetry={() => void failed.refetch()} />;
  if (!offers.data || !snapshots.data) return <Loading />;

  const snapshot = snapshotOf(snapshots.data, choices.snapshot);
  if (!snapshot) return <Nothing backupId={backup.backup_id} text={words.none} label={words.backToBackup} />;
  if (offers.data.length === 0) return <NoOffers backupId={backup.backup_id} />;
  const neededBytes = snapshot.size_processed_bytes;
  const place = placeOf(offers.data, choices, neededBytes);

  async function submit(event: FormEvent) {
    event.preventDefault();
    const { provider, region, plan } = place;
    if (!snapshot || !provider || !region || !plan) return;
    const isName = /^[^\s@]+@[^\s@]+$/.test(name.trim());
    setNameWrong(!isName);
    if (!isName) return;
    setSettling(true);
    const settled = await password.current?.settle();
    setSettling(false);
    if (!settled) return;
    const wish = {
      snapshot_id: snapshot.snapshot_id,
      provider: provider.provider,
      region: region.region,
      plan: plan.plan,
      instance_name: name.trim(),
    };
    if (before?.cloud && isStillQuoted(before) && isSameWish(wish, wishOf({ ...before, cloud: before.cloud }))) {
      return onQuoted(wish, before.restore_id);
    }
    const found = await order.place(wish, before);
    if (found) onQuoted(wish, found.restore_id);
    else void offers.refetch();
  }
  const nameRefused = hasCode(order.error, "instance_name_invalid");
  return (
    <form onSubmit={submit} noValidate>
      <Stack gap="lg">
        <Panel title={words.where}>
          <PlaceChoice
            providers={offers.data}
            place={place}
            neededBytes={neededBytes}
            onChange={(chosen) => {
              order.reset();
              onChoose(chosen);
            }}
          />
          <TextInput
            label={words.name}
            description={words.nameHint}
            value={name}
            onChange={({ currentTarget }) => {
              setName(currentTarget.value);
              setNameWrong(false);
            }}
            onBlur={() => onChoose({ name: name.trim() })}
            error={nameWrong ? words.nameWrong : nameRefused ? problemText(order.error) : null}
            autoComplete="off"
            autoCapitalize="off"
            spellCheck={false}
            maxLength={254}
            required
          />
        </Panel>
        <Panel title={words.snapshot}>
          <SnapshotChoice
            snapshots={snapshots.data}
            snapshot={snapshot}
            onChange={(chosen) => onChoose({ snapshot: chosen })}
          />
          <BackupPassword backupId={backup.backup_id} handle={password} />
          <Text size="sm" c="dimmed">
            {words.forgotten}
          </Text>
        </Panel>
        {order.error != null && !nameRefused && <OrderRefusal error={order.error} backupId={backup.backup_id} />}
        <Group>
          <Button type="submit" loading={settling || order.busy} disabled={!place.plan}>
            {t.restore.toCharges}
          </Button>
          <Button component={Link} to={`/backups/${backup.backup_id}`} variant="default">
            {t.shell.cancel}
          </Button>
        </Group>
      </Stack>
    </form>
  );
}

function isStillQuoted({ state, cloud }: RestoreDetail): boolean {
  const quote = cloud?.quote;
  return state === "quoting" || (state === "quoted" && !!quote && Date.parse(quote.expires_at) > Date.now());
}

function NoOffers({ backupId }: { backupId: string }) {
  const to = `${backupId}/restore-to-local`;
  return <Nothing backupId={to} text={words.noOffers} label={words.toLocal} />;
}

function Nothing({ backupId, text, label }: { backupId: string; text: string; label: string }) {
  return (
    <Stack align="flex-start">
      <Text>{text}</Text>
      <Button component={Link} to={`/backups/${backupId}`}>
        {label}
      </Button>
    </Stack>
  );
}

function Loading() {
  return (
    <Stack aria-busy aria-label={t.shell.loading}>
      <Skeleton h={330} />
      <Skeleton h={260} />
      <Skeleton h={36} w={180} />
    </Stack>
  );
}
