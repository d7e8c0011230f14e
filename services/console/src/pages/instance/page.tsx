import { Alert, Anchor, Grid, Group, Skeleton, Stack, Text } from "@mantine/core";
import { IconTool } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { Link, useParams } from "react-router";
import { Facts } from "../../components/facts";
import { Age, Instant } from "../../components/instant";
import { Page } from "../../components/page";
import { Panel } from "../../components/panel";
import { ProblemNote } from "../../components/problem-note";
import { durationText } from "../../format/durations";
import { sizeText } from "../../format/sizes";
import { t } from "../../messages";
import { type Instance, instanceQuery } from "../../queries/instances";
import { hasPage, isOver, placeText } from "../instances/status";
import { StatusBadge } from "../instances/status-badge";
import { Log } from "./log";
import { OpenButton } from "./open-button";
import { Power } from "./power";
import { UsagePanel } from "./usage-panel";

const words = t.instances;
const PARENT = { to: "/instances", label: words.title };

export function Component() {
  const { instanceId = "" } = useParams();
  const found = useQuery(instanceQuery(instanceId));
  const instance = found.data;
  return (
    <Page
      title={instance?.name ?? words.one}
      parent={PARENT}
      size="xl"
      actions={instance && <Power instance={instance} />}
    >
      {found.isError && !instance && <ProblemNote error={found.error} onRetry={() => void found.refetch()} />}
      {found.isPending && <Loading />}
      {instance && <Shown key={instanceId} instance={instance} />}
    </Page>
  );
}

function Shown({ instance }: { instance: Instance }) {
  return (
    <>
      <Status instance={instance} />
      <Grid gap="lg">
        <Grid.Col span={{ base: 12, md: 7 }}>
          <Panel title={words.about}>
            <Facts facts={factsOf(instance)} />
            {hasPage(instance) && <OpenButton instanceId={instance.instance_id} />}
          </Panel>
        </Grid.Col>
        <Grid.Col span={{ base: 12, md: 5 }}>
          <UsagePanel instance={instance} />
        </Grid.Col>
      </Grid>
      <Log instanceId={instance.instance_id} />
    </>
  );
}

function Status({ instance: { status, reason, needs_operator } }: { instance: Instance }) {
  return (
    <Stack gap="xs" aria-live="polite">
      <Group gap="sm">
        <StatusBadge status={status} />
        <Text>{words.statuses[status].means}</Text>
      </Group>
      {reason && <Text>{reason}</Text>}
      {needs_operator && (
        <Alert color="yellow" variant="light" icon={<IconTool aria-hidden />}>
          <Text c="var(--mantine-color-text)">{words.needsOperator}</Text>
        </Alert>
      )}
    </Stack>
  );
}

function factsOf(instance: Instance) {
  const { vcpu, memory_bytes, plan_disk_bytes, versions, runtime_seconds } = instance;
  const software = words.versions(versions.olares, versions.agent);
  const hardware = vcpu === null ? null : words.hardware(vcpu, sizeText(memory_bytes), sizeText(plan_disk_bytes));
  return [
    [words.fields.address, instance.address],
    [words.fields.region, placeText(instance)],
    [words.fields.plan, hardware ? `${instance.plan}: ${hardware}` : instance.plan],
    [words.fields.runtime, runtime_seconds === null ? null : runtimeText(runtime_seconds)],
    [words.fields.made, <Instant key="made" at={instance.created_at} />],
    [words.fields.ended, instance.ended_at && <Instant key="ended" at={instance.ended_at} />],
    [
      words.fields.heard,
      !isOver(instance.status) && instance.heard_at ? <Age key="heard" at={instance.heard_at} /> : null,
    ],
    [words.fields.versions, software || null],
    [
      words.fields.restore,
      instance.restore_id && (
        <Anchor key="restore" component={Link} to={`/restores/${instance.restore_id}`}>
          {words.restoreLink}
        </Anchor>
      ),
    ],
  ] as const;
}

function runtimeText(seconds: number): string {
  return seconds < 60 ? words.shortRuntime : durationText(seconds);
}

function Loading() {
  return (
    <Stack aria-busy aria-label={t.shell.loading}>
      <Skeleton h={26} w={280} />
      <Grid gap="lg">
        <Grid.Col span={{ base: 12, md: 7 }}>
          <Skeleton h={280} />
        </Grid.Col>
        <Grid.Col span={{ base: 12, md: 5 }}>
          <Skeleton h={280} />
        </Grid.Col>
      </Grid>
      <Skeleton h={420} />
    </Stack>
  );
}
