import { Anchor, Text } from "@mantine/core";
import { Link } from "react-router";
import { Panel } from "../../components/panel";
import { ShareBar } from "../../components/share-bar";
import { moneyText } from "../../format/money";
import { sizeText } from "../../format/sizes";
import { t } from "../../messages";
import type { Quota } from "../../queries/quota";

const words = t.home.storage;

/** What is kept, what of it is free, and what the rest costs. */
export function StoragePanel({ quota }: { quota: Quota }) {
  const { used_bytes, allowance_bytes, limit_bytes, spend_limit, spent } = quota;
  return (
    <Panel title={words.title}>
      <ShareBar label={words.label} usedBytes={used_bytes} includedBytes={allowance_bytes} what="free" />
      {spend_limit !== null && <Text size="sm">{words.spent(moneyText(spent), moneyText(spend_limit))}</Text>}
      <Text size="sm">{words.stops(sizeText(limit_bytes))}</Text>
      <Anchor component={Link} to="/billing">
        {words.link}
      </Anchor>
    </Panel>
  );
}
