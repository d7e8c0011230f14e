import { Group, Progress, Stack, Text } from "@mantine/core";
import { shareOf } from "../format/shares";
import { sizeText } from "../format/sizes";
import { t } from "../messages";

interface ShareBarProps {
  /** What is measured, such as "Traffic". */
  label: string;
  usedBytes: number;
  /** Null when it is not known. */
  includedBytes: number | null;
  /** "included" or "free". */
  what: "included" | "free";
}

/** How much of what is included is used, as a bar and in words. */
export function ShareBar({ label, usedBytes, includedBytes, what }: ShareBarProps) {
  const words = t.usage.share[what];
  if (includedBytes === null) {
    return (
      <Group justify="space-between" gap="xs">
        <Text fw={500}>{label}</Text>
        <Text className="numbers">{sizeText(usedBytes)}</Text>
      </Group>
    );
  }
  const { percent, leftBytes, beyondBytes } = shareOf(usedBytes, includedBytes);
  const text = words.of(sizeText(usedBytes), sizeText(includedBytes));
  return (
    <Stack gap={6}>
      <Group justify="space-between" gap="xs">
        <Text fw={500}>{label}</Text>
        <Text className="numbers">{text}</Text>
      </Group>
      <Progress.Root size="lg">
        <Progress.Section
          value={beyondBytes > 0 ? (includedBytes / usedBytes) * 100 : percent}
          color="blue.8"
          aria-label={label}
          aria-valuetext={text}
        />
        {beyondBytes > 0 && (
          <Progress.Section value={(beyondBytes / usedBytes) * 100} color="orange.8" withAria={false} />
        )}
      </Progress.Root>
      <Text size="sm" c="dimmed" className="numbers">
        {beyondBytes > 0 ? words.beyond(sizeText(beyondBytes)) : words.left(sizeText(leftBytes))}
      </Text>
    </Stack>
  );
}
