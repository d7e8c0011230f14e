import { Button, SegmentedControl, Skeleton, Stack, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { Panel } from "../../components/panel";
import { ProblemNote } from "../../components/problem-note";
import { type Column, Records } from "../../components/records";
import { UsageChart } from "../../components/usage-chart";
import { calendarDayText } from "../../format/instants";
import { moneyText } from "../../format/money";
import { sizeText } from "../../format/sizes";
import { t } from "../../messages";
import { type DayUsage, daysQuery } from "../../queries/usage";
import { dayAfter, daySeries, today } from "./days";
import { hoursText } from "./gb-hours";

const words = t.billing.byDay;
type Span = keyof typeof words.spans;
const SPANS: readonly Span[] = ["month", "30", "90"];

const COLUMNS: readonly Column<DayUsage>[] = [
  { title: words.day, cell: ({ day }) => <time dateTime={day}>{calendarDayText(day)}</time> },
  { title: words.average, cell: ({ average_bytes }) => sizeText(average_bytes), align: "end" },
  { title: words.peak, cell: ({ peak_bytes }) => sizeText(peak_bytes), align: "end" },
  { title: words.hours, cell: ({ charged_gb_hours }) => hoursText(charged_gb_hours), align: "end" },
  { title: words.charge, cell: ({ charge }) => moneyText(charge), align: "end" },
];

/** What was kept day by day, beside what is free. */
export function ByDay({ freeBytes }: { freeBytes: number | undefined }) {
  const [span, setSpan] = useState<Span>("month");
  const from = firstDay(span);
  const days = useQuery(daysQuery(from));
  return (
    <Panel
      title={words.title}
      actions={
        <SegmentedControl
          aria-label={words.show}
          size="xs"
          value={span}
          onChange={(value) => setSpan(value as Span)}
          data={SPANS.map((value) => ({ value, label: words.spans[value] }))}
        />
      }
    >
      {days.isPending && <Skeleton h={260} />}
      {days.isError && !days.data && <ProblemNote error={days.error} onRetry={() => void days.refetch()} />}
      {days.data && (days.data.length > 0 ? <Days days={days.data} from={from} freeBytes={freeBytes} /> : <None />)}
    </Panel>
  );
}

function firstDay(span: Span): string | null {
  return span === "month" ? null : dayAfter(today(), 1 - Number(span));
}

function Days({
  days,
  from,
  freeBytes,
}: {
  days: readonly DayUsage[];
  from: string | null;
  freeBytes: number | undefined;
}) {
  const [listed, setListed] = useState(false);
  const points = daySeries(days, from, today()).map(({ day, bytes }) => ({ at: day, bytes }));
  const last = days.at(-1);
  return (
    <Stack>
      <UsageChart
        label={words.chart(sizeText(last?.average_bytes))}
        points={points}
        when={calendarDayText}
        {...(freeBytes === undefined ? {} : { limit: { bytes: freeBytes, name: words.freeLine(sizeText(freeBytes)) } })}
      />
      <div>
        <Button variant="subtle" size="xs" aria-expanded={listed} onClick={() => setListed(!listed)}>
          {listed ? words.hide : words.table}
        </Button>
      </div>
      {listed && <Records label={words.title} columns={COLUMNS} rows={days.toReversed()} rowKey={({ day }) => day} />}
    </Stack>
  );
}

function None() {
  return <Text c="dimmed">{words.none}</Text>;
}
