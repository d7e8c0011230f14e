import { Button, Paper, SimpleGrid, Skeleton, Stack, Text } from "@mantine/core";
import { IconCloudUpload, IconDeviceDesktopDown } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { Link, useParams } from "react-router";
import { Age, Instant, useNow } from "../../components/instant";
import { Page } from "../../components/page";
import { ProblemNote } from "../../components/problem-note";
import { StandingBadge } from "../../components/standing-badge";
import { ageText } from "../../format/instants";
import { sizeText } from "../../format/sizes";
import { t } from "../../messages";
import { type Backup, backupQuery } from "../../queries/backups";
import { Notes } from "./notes";
import { RemovePanel } from "./remove-panel";
import { SnapshotsPanel } from "./snapshots-panel";
import { UsagePanel } from "./usage-panel";

const words = t.backup;
const PARENT = { to: "/backups", label: t.backups.title };

export function Component() {
  const { backupId = "" } = useParams();
  const found = useQuery(backupQuery(backupId));
  if (found.data) return <Details key={backupId} backup={found.data} />;
  return (
    <Page title={words.title} parent={PARENT}>
      {found.isError ? <ProblemNote error={found.error} onRetry={() => void found.refetch()} /> : <Loading />}
    </Page>
  );
}

function Details({ backup }: { backup: Backup }) {
  const isRestorable = backup.snapshot_count > 0 && (backup.state === "active" || backup.state === "deleting");
  return (
    <Page
      title={backup.name}
      subtitle={[backup.terminus_name, backup.path ?? backup.app].filter((part) => part !== null).join(", ")}
      parent={PARENT}
      actions={isRestorable && <RestoreButtons backupId={backup.backup_id} />}
    >
      <Notes backup={backup} />
      <Facts backup={backup} />
      <UsagePanel backup={backup} />
      <div id="snapshots">
        <SnapshotsPanel backup={backup} />
      </div>
      {backup.state === "active" && <RemovePanel backup={backup} />}
    </Page>
  );
}

function RestoreButtons({ backupId }: { backupId: string }) {
  return (
    <>
      <Button
        component={Link}
        to={`/backups/${backupId}/restore-to-cloud`}
        leftSection={<IconCloudUpload size={18} aria-hidden />}
      >
        {words.toCloud}
      </Button>
      <Button
        component={Link}
        to={`/backups/${backupId}/restore-to-local`}
        variant="default"
        leftSection={<IconDeviceDesktopDown size={18} aria-hidden />}
      >
        {words.toLocal}
      </Button>
    </>
  );
}

function Facts({ backup }: { backup: Backup }) {
  const now = useNow();
  const { measured_at, storage_bytes, latest_snapshot_at, snapshot_count, created_at } = backup;
  return (
    <Paper withBorder p={{ base: "md", sm: "lg" }} component="section" aria-label={words.facts.label}>
      <SimpleGrid component="dl" cols={{ base: 2, sm: 4 }} m={0}>
        <Fact
          name={words.facts.storage}
          note={measured_at ? words.facts.measured(ageText(measured_at, now)) : words.facts.unmeasured}
        >
          {measured_at ? sizeText(storage_bytes) : sizeText(null)}
        </Fact>
        <Fact name={words.facts.latest} note={latest_snapshot_at && <Instant at={latest_snapshot_at} />}>
          {latest_snapshot_at ? <Age at={latest_snapshot_at} /> : words.facts.none}
        </Fact>
        <Fact name={words.facts.snapshots} note={<StandingBadge backup={backup} />}>
          {snapshot_count.toLocaleString()}
        </Fact>
        <Fact name={words.facts.created} note={<Instant at={created_at} />}>
          <Age at={created_at} />
        </Fact>
      </SimpleGrid>
    </Paper>
  );
}

function Fact({ name, note, children }: { name: string; note: ReactNode; children: ReactNode }) {
  return (
    <div>
      <Text component="dt" size="sm" c="dimmed">
        {name}
      </Text>
      <Text component="dd" m={0} size="xl" fw={650} className="numbers">
        {children}
      </Text>
      <Text component="dd" m={0} size="sm" c="dimmed">
        {note}
      </Text>
    </div>
  );
}

function Loading() {
  return (
    <Stack aria-busy aria-label={t.shell.loading} gap="lg">
      <Skeleton h={96} />
      <Skeleton h={300} />
      <Skeleton h={200} />
    </Stack>
  );
}
