import { Button, Text, Title } from "@mantine/core";
import { t } from "../messages";
import { FullPage } from "./full-page";

/** Where the shell itself cannot be shown. */
export function Crash() {
  return (
    <FullPage>
      <title>{t.shell.title(t.shell.crash.title)}</title>
      <Title order={1}>{t.shell.crash.title}</Title>
      <Text>{t.shell.crash.text}</Text>
      <Button onClick={() => location.reload()}>{t.shell.crash.reload}</Button>
    </FullPage>
  );
}
