import { Alert, Button, Group, Skeleton, Text } from "@mantine/core";
import { IconCloudOff } from "@tabler/icons-react";
import type { ReactNode } from "react";
import { isPassing } from "../../api/problem";
import { ProblemNote } from "../../components/problem-note";
import { clockText } from "../../format/instants";
import { t } from "../../messages";

const words = t.home.part;

export interface Found<Data> {
  data: Data | undefined;
  error: unknown;
  isError: boolean;
  errorUpdateCount: number;
  dataUpdatedAt: number;
  refetch: () => unknown;
}

interface PartProps<Data> {
  what: keyof typeof words.failed;
  found: Found<Data>;
  /** Pixels. */
  height: number;
  children: (data: Data) => ReactNode;
}

/** What one service tells: without its answer this part alone is missing, and says so until there is one. */
export function Part<Data>({ what, found, height, children }: PartProps<Data>) {
  const { data, error, isError, dataUpdatedAt, refetch } = found;
  if (data !== undefined) {
    return (
      <>
        {children(data)}
        {isError && (
          <Text size="sm" c="dimmed" role="status">
            {words.old(clockText(new Date(dataUpdatedAt).toISOString()))}
          </Text>
        )}
      </>
    );
  }
  if (!hasFailed(found)) return <Skeleton h={height} aria-busy aria-label={t.shell.loading} />;
  if (isError && !isPassing(error)) return <ProblemNote error={error} onRetry={() => void refetch()} />;
  return (
    <Alert role="status" color="gray" variant="light" icon={<IconCloudOff aria-hidden />} title={words.failed[what]}>
      <Group justify="space-between" gap="sm">
        <Text c="var(--mantine-color-text)">{words.again}</Text>
        <Button size="xs" variant="default" onClick={() => void refetch()}>
          {t.shell.tryAgain}
        </Button>
      </Group>
    </Alert>
  );
}

/** Whether it was asked for in vain; it stays so while it is asked again. */
export function hasFailed({ data, errorUpdateCount }: Pick<Found<unknown>, "data" | "errorUpdateCount">): boolean {
  return data === undefined && errorUpdateCount > 0;
}
