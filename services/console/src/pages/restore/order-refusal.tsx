import { Alert, Anchor, Stack, Text } from "@mantine/core";
import { IconAlertTriangle } from "@tabler/icons-react";
import type { ReactNode } from "react";
import { Link } from "react-router";
import { Problem } from "../../api/problem";
import { ProblemNote, problemText } from "../../components/problem-note";
import { sizeText } from "../../format/sizes";
import { t } from "../../messages";

const words = t.restore.refusals;

/** Why something cannot be ordered, and the way on. */
export function OrderRefusal({ error, backupId }: { error: unknown; backupId: string }) {
  const way = error instanceof Problem ? wayOn(error, backupId) : null;
  if (way === null) return <ProblemNote error={error} />;
  return (
    <Alert role="alert" color="red" variant="light" icon={<IconAlertTriangle aria-hidden />} title={words.title}>
      <Stack gap="xs" align="flex-start">
        <Text c="var(--mantine-color-text)">{problemText(error)}</Text>
        {way}
      </Stack>
    </Alert>
  );
}

function wayOn({ code, members }: Problem, backupId: string): ReactNode {
  switch (code) {
    case "name_in_use": {
      const { instance_id: holder } = members;
      if (typeof holder !== "string") return <Way to="/restores" label={words.otherRestore} />;
      return <Way to={`/instances/${holder}`} label={words.name_in_use} />;
    }
    case "plan_too_small": {
      const { size_bytes: size, disk_bytes: disk } = members;
      if (typeof size !== "number" || typeof disk !== "number") return null;
      return <Text c="var(--mantine-color-text)">{words.plan_too_small(sizeText(size), sizeText(disk))}</Text>;
    }
    case "offer_unavailable":
    case "offer_unknown":
    case "place_unknown":
      return <Way to={`/backups/${backupId}/restore-to-cloud`} label={words.choose} />;
    case "snapshot_not_found":
    case "snapshot_not_restorable":
      return <Way to={`/backups/${backupId}`} label={words.snapshot} />;
    case "backup_deleted":
    case "backup_not_found":
    case "repository_missing":
      return <Way to="/backups" label={words.backups} />;
    case "payment_method_needed":
    case "payment_method_not_found":
      return <Text c="var(--mantine-color-text)">{words.addCard}</Text>;
    default:
      return null;
  }
}

function Way({ to, label }: { to: string; label: string }) {
  return (
    <Anchor component={Link} to={to}>
      {label}
    </Anchor>
  );
}
