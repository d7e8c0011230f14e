import { Alert, Button, Group, Text } from "@mantine/core";
import { IconAlertTriangle } from "@tabler/icons-react";
import { Problem } from "../api/problem";
import { t } from "../messages";

/** What went wrong, what to do, and the button that does it. */
export function ProblemNote({ error, title, onRetry }: { error: unknown; title?: string; onRetry?: () => void }) {
  return (
    <Alert role="alert" color="red" variant="light" icon={<IconAlertTriangle aria-hidden />} title={title}>
      <Text c="var(--mantine-color-text)">{problemText(error)}</Text>
      {(onRetry || error instanceof Problem) && (
        <Group justify="space-between" mt="xs" gap="xs">
          {onRetry ? (
            <Button size="xs" variant="default" onClick={onRetry}>
              {t.shell.tryAgain}
            </Button>
          ) : (
            <span />
          )}
          {error instanceof Problem && (
            <Text size="xs" c="dimmed">
              {t.shell.problem.code(error.code)}
            </Text>
          )}
        </Group>
      )}
    </Alert>
  );
}

export function problemText(error: unknown): string {
  if (!(error instanceof Problem)) return t.shell.crash.text;
  if (error.code === "offline") return t.shell.problem.offline;
  return error.detail || t.shell.problem.unreadable(error.status);
}
