import { Page } from "../../components/page";
import { t } from "../../messages";
import { Devices } from "./devices";
import { Sessions } from "./sessions";
import { Tokens } from "./tokens";
import { Who } from "./who";

/** Who the owner is, and everything that signs in as them. */
export function Component() {
  return (
    <Page title={t.account.title}>
      <Who />
      <Sessions />
      <Devices />
      <Tokens />
    </Page>
  );
}
