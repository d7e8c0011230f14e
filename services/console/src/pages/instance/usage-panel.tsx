import { Stack, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { Age } from "../../components/instant";
import { Panel } from "../../components/panel";
import { ShareBar } from "../../components/share-bar";
import { dayText } from "../../format/instants";
import { moneyText } from "../../format/money";
import { t } from "../../messages";
import type { Instance } from "../../queries/instances";
import { usageQuery } from "../../queries/usage";

const words = t.instances;

/** What an instance has used of what its plan includes: of its month where it is billed, else since it began. */
export function UsagePanel({ instance }: { instance: Instance }) {
  const { usage } = instance;
  const month = useQuery(usageQuery).data?.instances.find(({ instance_id }) => instance_id === instance.instance_id);
  return (
    <Panel title={words.usage}>
      <Stack gap="lg">
        <div>
          <ShareBar
            label={words.traffic}
            usedBytes={month?.traffic_bytes ?? usage.traffic_bytes}
            includedBytes={month?.included_traffic_bytes ?? usage.included_traffic_bytes}
            what="included"
          />
          <Text size="sm" c="dimmed">
            {month ? words.trafficOf(dayText(month.period_start), dayText(month.period_end)) : words.trafficSince}
          </Text>
        </div>
        <ShareBar
          label={words.storage}
          usedBytes={usage.disk_bytes}
          includedBytes={usage.included_storage_bytes}
          what="included"
        />
        {month && month.charge.amount_minor > 0 && <Text>{words.extra(moneyText(month.charge))}</Text>}
        {usage.measured_at && (
          <Text size="sm" c="dimmed">
            {words.measured} <Age at={usage.measured_at} />
          </Text>
        )}
      </Stack>
    </Panel>
  );
}
