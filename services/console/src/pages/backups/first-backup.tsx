import { Button, Divider, Stack, Text, Title } from "@mantine/core";
import type { ReactNode } from "react";
import { CopyField } from "../../components/copy-field";
import { EnrolCommand } from "../../components/enrol-command";
import { ProblemNote } from "../../components/problem-note";
import { t } from "../../messages";
import { useDiscoverBackups } from "../../queries/backups";

const words = t.backups.first;

/** How a backup is made, with the commands to take away. */
export function FirstBackup() {
  const discover = useDiscoverBackups();
  return (
    <Stack gap="lg">
      <div>
        <Text>{words.text}</Text>
        <Text c="dimmed">{words.needs}</Text>
      </div>
      <Step number={1} title={words.signIn.title}>
        <Text>{words.signIn.text}</Text>
        <EnrolCommand />
      </Step>
      <Step number={2} title={words.backUp.title}>
        <CopyField value="space backup ~/Photos --name photos" what={words.backUp.command} />
        <Text>{words.backUp.text}</Text>
      </Step>
      <Step number={3} title={words.appears.title}>
        <Text>{words.appears.text}</Text>
      </Step>
      <Divider />
      <Step title={words.olares.title}>
        <Text>{words.olares.text}</Text>
        <Text>{words.olares.cli}</Text>
        <CopyField value="space olares" what={words.olares.command} />
        {discover.isError && <ProblemNote error={discover.error} />}
        <div aria-live="polite">{discover.isSuccess && <Text>{words.discovering}</Text>}</div>
        {!discover.isSuccess && (
          <div>
            <Button variant="default" loading={discover.isPending} onClick={() => discover.mutate()}>
              {words.discover}
            </Button>
          </div>
        )}
      </Step>
    </Stack>
  );
}

function Step({ number, title, children }: { number?: number; title: string; children: ReactNode }) {
  return (
    <Stack gap="xs">
      <Title order={3} size="h5">
        {number === undefined ? title : `${number}. ${title}`}
      </Title>
      {children}
    </Stack>
  );
}
