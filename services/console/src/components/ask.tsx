import { Button, Group, Modal, Stack, Text } from "@mantine/core";
import type { ReactNode } from "react";
import { t } from "../messages";
import { ProblemNote } from "./problem-note";
import { useReturnedFocus } from "./use-returned-focus";

interface AskProps {
  title: string;
  /** What follows when it is done. */
  children: ReactNode;
  confirm: string;
  /** For what cannot be taken back. */
  dangerous?: boolean;
  disabled?: boolean;
  busy: boolean;
  error: unknown;
  onConfirm: () => void;
  onClose: () => void;
}

/** Asks before something is done that has consequences, which it names. */
export function Ask({ opened = true, ...asked }: AskProps & { opened?: boolean }) {
  return opened ? <Asking {...asked} /> : null;
}

function Asking({ title, children, confirm, dangerous, disabled, busy, error, onConfirm, onClose }: AskProps) {
  useReturnedFocus();
  return (
    <Modal
      opened
      onClose={onClose}
      title={title}
      centered
      returnFocus={false}
      closeButtonProps={{ "aria-label": t.shell.close }}
    >
      <form
        onSubmit={(event) => {
          event.preventDefault();
          onConfirm();
        }}
      >
        <Stack>
          {typeof children === "string" ? <Text>{children}</Text> : children}
          {error != null && <ProblemNote error={error} />}
          <Group justify="flex-end">
            <Button variant="default" onClick={onClose}>
              {t.shell.cancel}
            </Button>
            <Button type="submit" color={dangerous ? "red.8" : "blue.8"} loading={busy} disabled={disabled ?? false}>
              {confirm}
            </Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  );
}
