import { Grid, Stack } from "@mantine/core";
import { IconDatabase } from "@tabler/icons-react";
import { type InfiniteData, useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { Empty } from "../../components/empty";
import { useNow } from "../../components/instant";
import { Page } from "../../components/page";
import { useOwner } from "../../components/use-session";
import { t } from "../../messages";
import { allBackupsQuery } from "../../queries/backups";
import { POLL_MS } from "../../queries/client";
import { instancesQuery } from "../../queries/instances";
import { invoicesQuery } from "../../queries/invoices";
import { quotaQuery } from "../../queries/quota";
import { restoresQuery } from "../../queries/restores";
import { terminusListQuery } from "../../queries/terminus";
import { FirstBackup } from "../backups/first-backup";
import { groupsOf } from "./groups";
import { InstancesPanel } from "./instances-panel";
import { mattersOf } from "./matters";
import { MattersPanel } from "./matters-panel";
import { Part } from "./part";
import { RestoresPanel } from "./restores-panel";
import { StoragePanel } from "./storage-panel";
import { TerminusPanels } from "./terminus-panels";
import { VerdictCard } from "./verdict-card";

const words = t.home;

/** Whether all is well, and what to do where it is not. Each part stands by itself: five requests, of four services. */
export function Component() {
  const owner = useOwner();
  const now = useNow();
  const backups = useQuery(allBackupsQuery);
  const terminus = useQuery({ ...terminusListQuery, refetchInterval: POLL_MS * 4 });
  const quota = useQuery(quotaQuery);
  const restores = useInfiniteQuery(restoresQuery(true));
  const instances = useInfiniteQuery(instancesQuery(true));
  const isInArrears = quota.data !== undefined && quota.data.standing !== "current";
  const invoices = useInfiniteQuery({ ...invoicesQuery("finalised"), enabled: isInArrears });
  const matters = mattersOf({
    backups: backups.data,
    quota: quota.data,
    invoices: rowsOf(invoices.data),
    restores: rowsOf(restores.data),
    instances: rowsOf(instances.data),
    nameIsProvisional: owner.name_is_provisional,
    now,
  });
  return (
    <Page title={words.title} size="xl">
      <VerdictCard found={backups} matters={matters} />
      <MattersPanel matters={matters} />
      <Grid gap="lg">
        <Grid.Col span={{ base: 12, md: 8 }}>
          <Part what="backups" found={backups} height={220}>
            {(all) => (all.length === 0 ? <First /> : <TerminusPanels groups={groupsOf(all, terminus.data ?? [])} />)}
          </Part>
        </Grid.Col>
        <Grid.Col span={{ base: 12, md: 4 }}>
          <Stack gap="lg">
            <Part what="storage" found={quota} height={180}>
              {(known) => <StoragePanel quota={known} />}
            </Part>
            <Part what="restores" found={restores} height={0}>
              {(pages) => <RestoresPanel restores={rowsOf(pages)} />}
            </Part>
            <Part what="instances" found={instances} height={0}>
              {(pages) => <InstancesPanel instances={rowsOf(pages)} />}
            </Part>
          </Stack>
        </Grid.Col>
      </Grid>
    </Page>
  );
}

function First() {
  return (
    <Empty icon={<IconDatabase size={32} stroke={1.5} aria-hidden />} title={t.backups.first.title}>
      <FirstBackup />
    </Empty>
  );
}

function rowsOf<Row>(data: InfiniteData<{ items: Row[] }> | undefined): Row[] {
  return data?.pages.flatMap((page) => page.items) ?? [];
}
