import { Alert, Badge, Grid, NativeSelect, Radio, Stack, Text } from "@mantine/core";
import { useNow } from "../../components/instant";
import { type Column, Records } from "../../components/records";
import { ageText } from "../../format/instants";
import { moneyText } from "../../format/money";
import { sizeText } from "../../format/sizes";
import { t } from "../../messages";
import type { Plan, Provider } from "../../queries/offers";
import { type Place, refusalOf } from "./choices";

const words = t.restore.setUp;

interface PlaceChoiceProps {
  providers: readonly Provider[];
  place: Place;
  neededBytes: number | null;
  onChange: (chosen: { provider: string; region: string | null; plan: string | null }) => void;
}

/** Provider, location and hardware; what cannot be had is shown with the reason, and cannot be chosen. */
export function PlaceChoice({ providers, place: { provider, region, plan }, neededBytes, onChange }: PlaceChoiceProps) {
  const now = useNow();
  if (!provider || !region) return <Text>{words.noOffers}</Text>;
  const chosen = { provider: provider.provider, region: region.region };
  const columns: readonly Column<Plan>[] = [
    {
      title: words.columns.plan,
      cell: (each) => (
        <Radio value={each.plan} label={each.name} disabled={refusalOf(each, neededBytes) !== null} fw={600} />
      ),
    },
    { title: words.columns.vcpu, cell: ({ vcpu }) => vcpu, align: "end" },
    { title: words.columns.memory, cell: ({ memory_bytes }) => sizeText(memory_bytes), align: "end" },
    { title: words.columns.disk, cell: ({ disk_bytes }) => sizeText(disk_bytes), align: "end" },
    {
      title: words.columns.traffic,
      cell: ({ included_traffic_bytes }) => sizeText(included_traffic_bytes),
      align: "end",
    },
    {
      title: words.columns.storage,
      cell: ({ included_storage_bytes }) => sizeText(included_storage_bytes),
      align: "end",
    },
    { title: words.columns.price, cell: (each) => <Price plan={each} neededBytes={neededBytes} />, align: "end" },
  ];
  return (
    <Stack>
      <Grid>
        <Grid.Col span={{ base: 12, sm: 6 }}>
          <NativeSelect
            label={words.provider}
            value={provider.provider}
            data={providers.map(({ provider: value, name }) => ({ value, label: name }))}
            onChange={({ currentTarget }) => onChange({ provider: currentTarget.value, region: null, plan: null })}
          />
        </Grid.Col>
        <Grid.Col span={{ base: 12, sm: 6 }}>
          <NativeSelect
            label={words.location}
            value={region.region}
            data={provider.regions.map(({ region: value, name }) => ({ value, label: name }))}
            onChange={({ currentTarget }) =>
              onChange({ provider: provider.provider, region: currentTarget.value, plan: null })
            }
          />
        </Grid.Col>
      </Grid>
      <Radio.Group
        label={words.hardware}
        value={plan?.plan ?? null}
        onChange={(value) => onChange({ ...chosen, plan: value })}
      >
        <Records label={words.hardware} columns={columns} rows={region.plans} rowKey={(each) => each.plan} />
      </Radio.Group>
      {plan === null && (
        <Alert color="yellow" variant="light">
          <Text c="var(--mantine-color-text)">{words.noPlan}</Text>
        </Alert>
      )}
      {plan?.unconfirmed_since && (
        <Text size="sm" c="dimmed">
          {words.unconfirmed(ageText(plan.unconfirmed_since, now))}
        </Text>
      )}
    </Stack>
  );
}

function Price({ plan, neededBytes }: { plan: Plan; neededBytes: number | null }) {
  const why = refusalOf(plan, neededBytes);
  if (why === "no_price") return <Refused why={why} />;
  return (
    <Stack gap={4} align="flex-end">
      <span>{moneyText(plan.monthly_price)}</span>
      {why && <Refused why={why} />}
    </Stack>
  );
}

function Refused({ why }: { why: keyof typeof words.refusals }) {
  return (
    <Badge variant="light" color="gray" tt="none">
      {words.refusals[why]}
    </Badge>
  );
}
