import { Button, Text } from "@mantine/core";
import { Link } from "react-router";
import { Page } from "../../components/page";
import { t } from "../../messages";

export function Component() {
  return (
    <Page title={t.shell.notFound.title} size="sm">
      <Text>{t.shell.notFound.text}</Text>
      <div>
        <Button component={Link} to="/">
          {t.shell.notFound.home}
        </Button>
      </div>
    </Page>
  );
}
