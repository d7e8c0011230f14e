import { Button, Text } from "@mantine/core";
import { useNetwork } from "@mantine/hooks";
import { t } from "../messages";
import { Page } from "./page";

/** In the shell, in place of a page that failed, also when a newer console has taken the place of the one loaded. */
export function PageCrash() {
  const { online } = useNetwork();
  return (
    <Page title={t.shell.crash.title} size="sm">
      <Text>{online ? t.shell.crash.text : t.shell.crash.offline}</Text>
      <div>
        <Button onClick={() => location.reload()}>{t.shell.crash.reload}</Button>
      </div>
    </Page>
  );
}
