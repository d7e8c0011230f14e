import { Button, Grid, Group, Stack, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { Link } from "react-router";
import { Facts } from "../../components/facts";
import { Panel } from "../../components/panel";
import { sizeText } from "../../format/sizes";
import { t } from "../../messages";
import { offersQuery } from "../../queries/offers";
import { priceBookQuery } from "../../queries/prices";
import type { Cloud } from "../../queries/restores";
import { QuoteLines } from "./quote-lines";
import { storageTiers, trafficTiers } from "./tiers";

const words = t.restore.charges;

interface ChargesProps {
  cloud: Cloud & { quote: NonNullable<Cloud["quote"]> };
  back: string;
  onNext: () => void;
}

/** The second step: everything that is charged, now and later, before anything is ordered. */
export function Charges({ cloud, back, onNext }: ChargesProps) {
  const { quote } = cloud;
  return (
    <Stack gap="lg">
      <Grid gap="lg">
        <Grid.Col span={{ base: 12, md: 6 }}>
          <Panel title={words.now}>
            <QuoteLines label={words.now} sum={quote} />
            <Text size="sm">{quote.applied.card.amount_minor > 0 ? words.held : words.noCard}</Text>
          </Panel>
        </Grid.Col>
        <Grid.Col span={{ base: 12, md: 6 }}>
          <Panel title={words.nextMonth}>
            <QuoteLines label={words.nextMonth} sum={quote.next_month} />
            <Text size="sm" c="dimmed">
              {words.nextMonthText}
            </Text>
          </Panel>
        </Grid.Col>
      </Grid>
      <Included cloud={cloud} />
      <Panel title={words.forgotten}>
        <Text maw="75ch">{quote.if_given_up}</Text>
      </Panel>
      <Group>
        <Button onClick={onNext}>{words.toPay}</Button>
        <Button component={Link} to={back} variant="default">
          {t.shell.back}
        </Button>
      </Group>
    </Stack>
  );
}

/** What the plan's price has in it, and what is beyond. */
function Included({ cloud }: { cloud: Cloud }) {
  const offers = useQuery(offersQuery);
  const book = useQuery(priceBookQuery);
  const plan = offers.data
    ?.find(({ provider }) => provider === cloud.provider)
    ?.regions.find(({ region }) => region === cloud.region)
    ?.plans.find((each) => each.plan === cloud.plan);
  const prices = book.data?.regions.find((each) => each.provider === cloud.provider && each.region === cloud.region);
  if (!plan || !prices || !book.data) return null;
  const { currency } = book.data;
  return (
    <Panel title={words.included}>
      <Facts
        facts={[
          [words.traffic, sizeText(plan.included_traffic_bytes)],
          [words.beyondTraffic, trafficTiers(prices.traffic, currency)],
          [words.storage, sizeText(plan.included_storage_bytes)],
          [words.beyondStorage, storageTiers(prices.cloud_storage, currency)],
        ]}
      />
    </Panel>
  );
}
