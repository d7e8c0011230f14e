import { Text, Title } from "@mantine/core";
import { t } from "../messages";
import { FullPage } from "./full-page";

/** Where a browser gives a page neither locks nor cryptography: reached by plain HTTP, and not on this very machine. */
export function Insecure() {
  return (
    <FullPage>
      <title>{t.shell.insecure.title}</title>
      <Title order={1}>{t.shell.insecure.title}</Title>
      <Text>{t.shell.insecure.text}</Text>
    </FullPage>
  );
}
