import { Box, Group, PasswordInput, Stack, Text } from "@mantine/core";
import { IconCircleCheck, IconHelpCircle } from "@tabler/icons-react";
import { type Ref, useId, useImperativeHandle, useRef, useState } from "react";
import { t } from "../messages";
import { type Checked, maySend, type PasswordCheck, usePasswordCheck } from "../queries/use-password-check";
import { ProblemNote } from "./problem-note";

export interface BackupPasswordHandle {
  /** Whether there is a password that may be sent; if not, its field says why and takes the focus. */
  settle: () => Promise<boolean>;
}

interface BackupPasswordProps {
  backupId: string;
  handle: Ref<BackupPasswordHandle>;
  onChecked?: (checked: Checked) => void;
  autoFocus?: boolean;
}

const words = t.password;

/**
 * Asks for a backup password and checks it in this browser. What is typed is in no URL, state of the history or storage,
 * and is sent to nobody.
 */
export function BackupPassword({ backupId, handle, onChecked, autoFocus }: BackupPasswordProps) {
  const check = usePasswordCheck(backupId);
  const [typed, setTyped] = useState("");
  const field = useRef<HTMLInputElement>(null);
  const said = useId();
  const { checked } = check;
  const wrong = wrongText(checked);

  async function settle(): Promise<boolean> {
    // Kept from before, and nothing else was typed since.
    if (typed === "" && maySend(checked)) return true;
    const outcome = await check.check(typed);
    onChecked?.(outcome);
    if (!maySend(outcome)) field.current?.focus();
    return maySend(outcome);
  }
  useImperativeHandle(handle, () => ({ settle }));

  return (
    <Stack gap="xs">
      <PasswordInput
        ref={field}
        label={words.label}
        description={words.hint}
        placeholder={typed === "" && maySend(checked) ? words.kept : ""}
        value={typed}
        onChange={(event) => {
          setTyped(event.currentTarget.value);
          check.begin(event.currentTarget.value);
        }}
        onBlur={({ relatedTarget }) => {
          // The button checks it itself, and must not move away while it is being pressed.
          const isButton = relatedTarget instanceof HTMLButtonElement && relatedTarget.type === "submit";
          if (typed !== "" && !isButton) void settleQuietly(check, typed, onChecked);
        }}
        error={wrong !== null}
        aria-describedby={said}
        autoComplete="off"
        autoCapitalize="off"
        spellCheck={false}
        data-autofocus={autoFocus || undefined}
        visibilityToggleButtonProps={{ "aria-label": words.show, tabIndex: 0 }}
      />
      <Box id={said} aria-live="polite" mih={24}>
        <Said checked={checked} />
      </Box>
    </Stack>
  );
}

async function settleQuietly(check: PasswordCheck, typed: string, onChecked?: (checked: Checked) => void) {
  const outcome = await check.check(typed);
  onChecked?.(outcome);
}

function Said({ checked }: { checked: Checked }) {
  switch (checked.state) {
    case "checking":
      return <Text size="sm">{words.checking}</Text>;
    case "right":
      return (
        <Group gap={6} wrap="nowrap" align="flex-start">
          <IconCircleCheck size={18} aria-hidden color="var(--mantine-color-green-filled)" />
          <Text size="sm">{words.right}</Text>
        </Group>
      );
    case "unchecked":
      return (
        <Group gap={6} wrap="nowrap" align="flex-start">
          <IconHelpCircle size={18} aria-hidden />
          <Text size="sm">{words.unchecked}</Text>
        </Group>
      );
    case "failed":
      return <ProblemNote error={checked.error} title={words.failed} />;
    default:
      return (
        <Text size="sm" c="var(--mantine-color-error)">
          {wrongText(checked)}
        </Text>
      );
  }
}

function wrongText({ state }: Checked): string | null {
  if (state === "empty" || state === "wrong" || state === "long") return words[state];
  return null;
}
