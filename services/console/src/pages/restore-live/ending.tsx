import { Alert, Anchor, Button, Group, Stack, Text } from "@mantine/core";
import { IconAlertTriangle, IconCircleCheck, IconCircleOff, IconTool, type TablerIcon } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { Link } from "react-router";
import { moneyText } from "../../format/money";
import { sizeText } from "../../format/sizes";
import { t } from "../../messages";
import { type Instance, instanceQuery } from "../../queries/instances";
import { chargedQuery, type RestoreDetail } from "../../queries/restores";
import { OpenButton } from "../instance/open-button";
import { hasPage, isGone } from "../instances/status";

const words = t.restoreLive.ends;
type Look = { color: string; icon: TablerIcon };
const GOOD: Look = { color: "green", icon: IconCircleCheck };
const BAD: Look = { color: "red", icon: IconAlertTriangle };
const OVER: Look = { color: "gray", icon: IconCircleOff };
const WAITS: Look = { color: "yellow", icon: IconTool };

/** How a restore ended, what was charged, and what to do next. */
export function Ending({ restore }: { restore: RestoreDetail }) {
  const { state, cloud } = restore;
  const instance = useQuery({ ...instanceQuery(cloud?.instance_id ?? ""), enabled: Boolean(cloud?.instance_id) });
  const gone = state === "completed" && instance.data !== undefined && isGone(instance.data.status);
  const { color, icon: Icon } = gone ? OVER : lookOf(state);
  const code = restore.code ?? "";
  return (
    <Alert role="status" color={color} variant="light" icon={<Icon aria-hidden />} title={titleOf(restore, gone)}>
      <Stack gap="xs" align="flex-start">
        {linesOf(restore, gone).map((line) => (
          <Text key={line} c="var(--mantine-color-text)">
            {line}
          </Text>
        ))}
        {cloud && state !== "needs_operator" && <Charged restore={restore} />}
        {state !== "completed" && words.next[code] && <Text c="var(--mantine-color-text)">{words.next[code]}</Text>}
        <Ways restore={restore} instance={instance.data} />
      </Stack>
    </Alert>
  );
}

function Ways({ restore, instance }: { restore: RestoreDetail; instance: Instance | undefined }) {
  const { state, cloud, backup_id } = restore;
  if (state === "needs_operator") return null;
  if (state === "completed") {
    return (
      <>
        {instance && hasPage(instance) && <OpenButton instanceId={instance.instance_id} />}
        {cloud?.instance_id && (
          <Anchor component={Link} to={`/instances/${cloud.instance_id}`}>
            {t.restoreLive.facts.seeInstance}
          </Anchor>
        )}
      </>
    );
  }
  const to = `/backups/${backup_id}/${cloud ? "restore-to-cloud" : "restore-to-local"}`;
  return (
    <Group>
      <Button component={Link} to={to} variant="default">
        {words.again}
      </Button>
    </Group>
  );
}

const UNTAKEN: ReadonlySet<string> = new Set(["none", "refused", "released"]);

function Charged({ restore }: { restore: RestoreDetail }) {
  const payment = restore.cloud?.payment ?? "none";
  const untaken = UNTAKEN.has(payment);
  const charged = useQuery({ ...chargedQuery(restore.restore_id), enabled: !untaken });
  if (untaken) return <Text c="var(--mantine-color-text)">{words.nothing}</Text>;
  if (charged.data) {
    const { total, invoice } = charged.data;
    const say = restore.state === "completed" ? words.paid : words.charged;
    return (
      <Text c="var(--mantine-color-text)">
        {say(moneyText(total))}{" "}
        <Anchor component={Link} to={`/billing/invoices/${invoice}`}>
          {words.invoice}
        </Anchor>
      </Text>
    );
  }
  if (payment === "held" || payment === "void_asked") return <Text c="var(--mantine-color-text)">{words.letGo}</Text>;
  return (
    <Anchor component={Link} to="/billing/invoices">
      {words.seeInvoices}
    </Anchor>
  );
}

function lookOf(state: RestoreDetail["state"]): Look {
  if (state === "completed") return GOOD;
  if (state === "failed") return BAD;
  return state === "needs_operator" ? WAITS : OVER;
}

function titleOf({ state, cloud }: RestoreDetail, gone: boolean): string {
  switch (state) {
    case "completed":
      if (cloud && gone) return words.completedGone(cloud.instance_name);
      return cloud ? words.completed(cloud.instance_name) : words.completedLocal;
    case "expired":
      return cloud ? words.expired : words.expiredLocal;
    case "failed":
    case "cancelled":
    case "returned":
    case "needs_operator":
      return words[state];
    default:
      return t.restoreLive.states[state].means;
  }
}

function linesOf(restore: RestoreDetail, gone: boolean): string[] {
  const { state, reason, bytes_restored, files_restored, warnings, cloud } = restore;
  const lines: string[] = [];
  if (state === "completed" && bytes_restored !== null) {
    const files = files_restored === null ? null : new Intl.NumberFormat().format(files_restored);
    lines.push(words.completedText(sizeText(bytes_restored), files));
  }
  if (state === "completed" && warnings > 0) lines.push(words.warnings(warnings));
  if (state === "completed" && cloud?.address && !gone) lines.push(`${words.address}: ${cloud.address}`);
  if (state !== "completed" && reason) lines.push(sentence(reason));
  if (state === "returned") lines.push(words.returnedText);
  if (state === "needs_operator") lines.push(words.needsOperatorText);
  return lines;
}

function sentence(reason: string): string {
  const whole = reason.trim();
  return whole.charAt(0).toUpperCase() + whole.slice(1) + (/[.!?]$/.test(whole) ? "" : ".");
}
