import { Center, Stack } from "@mantine/core";
import type { ReactNode } from "react";

/** A page outside the shell: its content in the middle. */
export function FullPage({ children }: { children?: ReactNode }) {
  return (
    <Center component="main" mih="100dvh" p="md">
      <Stack w="100%" maw={440}>
        {children}
      </Stack>
    </Center>
  );
}
