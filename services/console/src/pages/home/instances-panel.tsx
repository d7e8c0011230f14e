import { Anchor, Group } from "@mantine/core";
import { Link } from "react-router";
import { Panel } from "../../components/panel";
import { t } from "../../messages";
import type { Instance } from "../../queries/instances";
import { StatusBadge } from "../instances/status-badge";
import classes from "./matters-panel.module.css";

const words = t.home.instances;
const SHOWN = 5;

/** Home clouds in the cloud, and how each is; nothing where there is none. */
export function InstancesPanel({ instances }: { instances: readonly Instance[] }) {
  if (instances.length === 0) return null;
  return (
    <Panel title={words.title}>
      <ul className={classes.list}>
        {instances.slice(0, SHOWN).map(({ instance_id, name, status }) => (
          <li key={instance_id}>
            <Group justify="space-between" gap="xs">
              <Anchor component={Link} to={`/instances/${instance_id}`} fw={600} style={{ overflowWrap: "anywhere" }}>
                {name}
              </Anchor>
              <StatusBadge status={status} />
            </Group>
          </li>
        ))}
      </ul>
      {instances.length > SHOWN && (
        <Anchor component={Link} to="/instances">
          {words.all}
        </Anchor>
      )}
    </Panel>
  );
}
