import { Group, Progress, Stack, Text } from "@mantine/core";
import { Panel } from "../../components/panel";
import { durationText } from "../../format/durations";
import { sizeText, speedText } from "../../format/sizes";
import { t } from "../../messages";
import type { RestoreDetail } from "../../queries/restores";
import type { Pace } from "./timeline-state";

const words = t.restoreLive.progress;

/** How far the files have come, how fast, and how long it will take. */
export function ProgressPanel({ restore, pace }: { restore: RestoreDetail; pace: Pace | null }) {
  const done = pace?.doneBytes ?? restore.bytes_restored;
  const total = pace?.totalBytes ?? restore.total_bytes;
  const files = pace?.files ?? restore.files_restored;
  const running = restore.state === "restoring";
  const share = done === null || !total ? 0 : Math.min(1, done / total);
  const percent = new Intl.NumberFormat(undefined, { style: "percent" }).format(Math.floor(share * 100) / 100);
  const text = done === null ? words.soon : words.of(sizeText(done), sizeText(total));
  return (
    <Panel title={words.title}>
      <Stack gap={6}>
        <Group justify="space-between" gap="xs" className="numbers">
          <Text fw={500}>{text}</Text>
          <Text>{words.percent(percent)}</Text>
        </Group>
        <Progress.Root size="lg">
          <Progress.Section value={share * 100} color="blue.8" aria-label={words.label} aria-valuetext={text} />
        </Progress.Root>
        <Text size="sm" c="dimmed" className="numbers">
          {[
            files !== null && words.files(new Intl.NumberFormat().format(files)),
            running && pace?.bytesPerSecond != null && words.speed(speedText(pace.bytesPerSecond)),
            running && pace?.secondsLeft != null && words.left(durationText(pace.secondsLeft)),
          ]
            .filter(Boolean)
            .join(" · ")}
        </Text>
        {restore.cloud?.stalled && <Text role="status">{t.restoreLive.stalled}</Text>}
      </Stack>
    </Panel>
  );
}
