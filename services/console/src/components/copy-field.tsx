import { Box, Button, Code, CopyButton, Group } from "@mantine/core";
import { IconCheck, IconCopy } from "@tabler/icons-react";
import { t } from "../messages";

/** A text to be taken elsewhere, such as a command: shown whole, and copied with one press. */
export function CopyField({ value, what }: { value: string; what: string }) {
  return (
    <Group align="flex-start" gap="xs">
      <Box flex="1 1 240px" miw={0}>
        <Code block tabIndex={0} aria-label={what} style={{ whiteSpace: "pre-wrap", overflowWrap: "anywhere" }}>
          {value}
        </Code>
      </Box>
      <CopyButton value={value} timeout={2_000}>
        {({ copied, copy }) => (
          <Button
            variant="default"
            onClick={copy}
            aria-label={t.shell.copyOf(what)}
            leftSection={copied ? <IconCheck size={16} aria-hidden /> : <IconCopy size={16} aria-hidden />}
          >
            <span aria-live="polite">{copied ? t.shell.copied : t.shell.copy}</span>
          </Button>
        )}
      </CopyButton>
    </Group>
  );
}
