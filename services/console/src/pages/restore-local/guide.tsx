import { Stack, Text, Title } from "@mantine/core";
import { CopyField } from "../../components/copy-field";
import { Facts } from "../../components/facts";
import { Panel } from "../../components/panel";
import { t } from "../../messages";
import type { TicketIssued } from "../../queries/tickets";
import classes from "./guide.module.css";

const words = t.restoreLocal;

/** What to do, step by step, in the service's words. */
export function Guide({ issued }: { issued: TicketIssued }) {
  // The way by an Olares device ends the service's guide; it has a part of its own here.
  const steps = issued.guide.filter(({ command }) => command === null || command !== issued.backup_url);
  return (
    <Panel title={words.guide.title}>
      <ol className={classes.steps}>
        {steps.map(({ title, text, command }) => (
          <li key={title}>
            <Stack gap="xs">
              <Title order={3} size="h5">
                {title}
              </Title>
              {command !== null && <CopyField value={command} what={words.guide.command} />}
              <Text>{text}</Text>
            </Stack>
          </li>
        ))}
      </ol>
    </Panel>
  );
}

export function OnDevice({ url }: { url: string }) {
  return (
    <Panel title={words.device.title}>
      <Text>{words.device.text}</Text>
      <CopyField value={url} what={words.device.what} />
    </Panel>
  );
}

/** The same without our command, for whoever wants to depend on nothing of ours. */
export function PlainRestic({ issued: { ticket, plain_restic } }: { issued: TicketIssued }) {
  return (
    <Panel title={words.plain.title}>
      <Text>{words.plain.text}</Text>
      <CopyField value={`SPACE_TICKET=${ticket}`} what={words.plain.ticket} />
      <Text>{words.plain.next}</Text>
      <CopyField value={plain_restic.commands.join("\n")} what={words.plain.commands} />
      <details className={classes.details}>
        <summary>{words.plain.variables}</summary>
        <Facts
          facts={Object.entries(plain_restic.environment).map(([name, text]) => [name, text.replaceAll("`", "")])}
        />
      </details>
    </Panel>
  );
}
