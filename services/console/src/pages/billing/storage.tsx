import { Text } from "@mantine/core";
import { Panel } from "../../components/panel";
import { ShareBar } from "../../components/share-bar";
import { sizeText } from "../../format/sizes";
import { t } from "../../messages";
import type { Quota } from "../../queries/quota";
import type { Usage } from "../../queries/usage";
import { hoursText } from "./gb-hours";

const words = t.billing.storage;

/** What is kept, what of it is free, and what is beyond. */
export function Storage({ quota, usage }: { quota: Quota; usage: Usage | undefined }) {
  const { used_bytes, allowance_bytes, counted_terminus, reserved_bytes } = quota;
  const hours = usage?.storage.charged_gb_hours ?? "0";
  const notes = [
    counted_terminus > 1 && words.terminus(counted_terminus),
    reserved_bytes > 0 && words.reserved(sizeText(reserved_bytes)),
    hours !== "0" && words.charged(hoursText(hours)),
  ].filter((note) => note !== false);
  return (
    <Panel title={words.title}>
      <ShareBar label={words.label} usedBytes={used_bytes} includedBytes={allowance_bytes} what="free" />
      {notes.map((note) => (
        <Text key={note} size="sm">
          {note}
        </Text>
      ))}
    </Panel>
  );
}
