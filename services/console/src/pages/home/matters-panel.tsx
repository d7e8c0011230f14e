import { Badge, Button, Group, Stack, Text, Title } from "@mantine/core";
import { IconAlertTriangle, IconClockExclamation, IconInfoCircle, type TablerIcon } from "@tabler/icons-react";
import { useState } from "react";
import { Link } from "react-router";
import { CopyField } from "../../components/copy-field";
import { useNow } from "../../components/instant";
import { Panel } from "../../components/panel";
import { t } from "../../messages";
import { type Level, levelOf, type Matter } from "./matters";
import classes from "./matters-panel.module.css";
import { saidOf } from "./said";

const words = t.home.matters;
const SHOWN = 5;

const LOOKS: Record<Level, { color: string; icon: TablerIcon }> = {
  urgent: { color: "red", icon: IconAlertTriangle },
  soon: { color: "orange", icon: IconClockExclamation },
  note: { color: "blue", icon: IconInfoCircle },
};

/** What needs the owner, each with the one thing to do; nothing where nothing does. */
export function MattersPanel({ matters }: { matters: readonly Matter[] }) {
  const [isWhole, setWhole] = useState(false);
  if (matters.length === 0) return null;
  const shown = isWhole ? matters : matters.slice(0, SHOWN);
  return (
    <Panel title={words.title}>
      <ul className={classes.list}>
        {shown.map((matter) => (
          <Item key={keyOf(matter)} matter={matter} />
        ))}
      </ul>
      {shown.length < matters.length && (
        <div>
          <Button variant="default" onClick={() => setWhole(true)}>
            {words.more(matters.length - shown.length)}
          </Button>
        </div>
      )}
    </Panel>
  );
}

function Item({ matter }: { matter: Matter }) {
  const now = useNow();
  const { title, text, step } = saidOf(matter, now);
  const level = levelOf(matter.kind);
  const { color, icon: Icon } = LOOKS[level];
  return (
    <li>
      <Stack gap="xs">
        <Group justify="space-between" gap="sm">
          <div className={classes.said}>
            <Group gap="xs">
              <Title order={3} size="h5">
                {title}
              </Title>
              <Badge variant="light" color={color} tt="none" leftSection={<Icon size={14} aria-hidden />}>
                {words.levels[level]}
              </Badge>
            </Group>
            {text && <Text>{text}</Text>}
          </div>
          {"to" in step && (
            <Button component={Link} to={step.to} variant="default" aria-label={`${step.label}: ${title}`}>
              {step.label}
            </Button>
          )}
        </Group>
        {"command" in step && <CopyField value={step.command} what={step.what} />}
      </Stack>
    </li>
  );
}

function keyOf(matter: Matter): string {
  if ("backup" in matter) return matter.backup.backup_id;
  if ("restore" in matter) return matter.restore.restore_id;
  if ("instance" in matter) return matter.instance.instance_id;
  return matter.kind;
}
