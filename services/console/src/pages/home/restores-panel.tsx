import { Anchor, Group, Progress, Stack, Text } from "@mantine/core";
import { Link } from "react-router";
import { Panel } from "../../components/panel";
import { percentText } from "../../format/shares";
import { t } from "../../messages";
import type { Restore } from "../../queries/restores";
import { StateBadge } from "../restores/state-badge";
import classes from "./matters-panel.module.css";

const words = t.home.restores;
const SHOWN = 5;

/** Restores that go on, how far each has come; nothing where none does. */
export function RestoresPanel({ restores }: { restores: readonly Restore[] }) {
  if (restores.length === 0) return null;
  return (
    <Panel title={words.title}>
      <ul className={classes.list}>
        {restores.slice(0, SHOWN).map((restore) => (
          <Running key={restore.restore_id} restore={restore} />
        ))}
      </ul>
      {restores.length > SHOWN && (
        <Anchor component={Link} to="/restores">
          {words.all}
        </Anchor>
      )}
    </Panel>
  );
}

function Running({ restore }: { restore: Restore }) {
  const { restore_id, backup_name, state, cloud, bytes_restored, total_bytes } = restore;
  const share = bytes_restored !== null && total_bytes ? Math.min(1, bytes_restored / total_bytes) : null;
  // Rounded down: what is not all there is not 100%.
  const percent = share === null ? null : percentText(String(Math.floor(share * 100) / 100));
  return (
    <li>
      <Stack gap={6}>
        <Group justify="space-between" gap="xs">
          <Anchor component={Link} to={`/restores/${restore_id}`} fw={600}>
            {backup_name}
          </Anchor>
          <StateBadge state={state} />
        </Group>
        <Group justify="space-between" gap="xs">
          <Text size="sm" c="dimmed">
            {cloud?.instance_name ?? t.restores.local}
          </Text>
          {percent && (
            <Text size="sm" className="numbers">
              {percent}
            </Text>
          )}
        </Group>
        {share !== null && (
          <Progress
            value={share * 100}
            color="blue.8"
            aria-label={words.progress(backup_name)}
            aria-valuetext={percent ?? undefined}
          />
        )}
      </Stack>
    </li>
  );
}
