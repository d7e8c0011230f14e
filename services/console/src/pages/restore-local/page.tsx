import { Anchor, Skeleton, Stack } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { Link, useParams, useSearchParams } from "react-router";
import { Facts } from "../../components/facts";
import { Instant } from "../../components/instant";
import { Page } from "../../components/page";
import { Panel } from "../../components/panel";
import { ProblemNote } from "../../components/problem-note";
import { sizeText } from "../../format/sizes";
import { t } from "../../messages";
import { backupQuery } from "../../queries/backups";
import { type TicketIssued, type TicketWish, ticketQuery } from "../../queries/tickets";
import { Guide, OnDevice, PlainRestic } from "./guide";
import { keyOf, newKey } from "./ticket-key";
import { TicketPanel } from "./ticket-panel";

const words = t.restoreLocal;

export function Component() {
  const { backupId = "" } = useParams();
  const [params] = useSearchParams();
  const snapshotId = params.get("snapshot");
  const { data: backup } = useQuery(backupQuery(backupId));
  return (
    <Page
      title={words.title}
      subtitle={backup && words.subtitle(backup.name)}
      parent={{ to: `/backups/${backupId}`, label: backup?.name ?? t.backup.title }}
      size="md"
    >
      <Ticket key={`${backupId} ${snapshotId}`} wish={{ backupId, snapshotId }} />
    </Page>
  );
}

function Ticket({ wish }: { wish: TicketWish }) {
  const [key, setKey] = useState(() => keyOf(wish, sessionStorage, Date.now()));
  const found = useQuery(ticketQuery(wish, key));
  if (found.isPending) return <Loading />;
  if (found.isError) return <ProblemNote error={found.error} onRetry={() => void found.refetch()} />;
  const issued = found.data;
  return (
    <>
      <What issued={issued} />
      <TicketPanel issued={issued} onAgain={() => setKey(newKey(wish, sessionStorage, Date.now()))} />
      <Guide issued={issued} />
      {issued.backup_url !== null && <OnDevice url={issued.backup_url} />}
      <PlainRestic issued={issued} />
    </>
  );
}

function What({ issued: { snapshot } }: { issued: TicketIssued }) {
  return (
    <Panel title={words.what.title}>
      <Facts
        facts={[
          [words.what.backup, snapshot.backup_name],
          [words.what.terminus, snapshot.terminus_name],
          [words.what.taken, <Instant key="taken" at={snapshot.taken_at} />],
          [words.what.size, snapshot.size_processed_bytes === null ? null : sizeText(snapshot.size_processed_bytes)],
          [words.what.path, snapshot.path],
        ]}
      />
      <div>
        <Anchor component={Link} to={`/backups/${snapshot.backup_id}#snapshots`}>
          {words.what.other}
        </Anchor>
      </div>
    </Panel>
  );
}

function Loading() {
  return (
    <Stack aria-busy aria-label={t.shell.loading} gap="lg">
      <Skeleton h={170} />
      <Skeleton h={110} />
      <Skeleton h={420} />
    </Stack>
  );
}
