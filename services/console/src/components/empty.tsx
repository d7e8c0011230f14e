import { Paper, Stack, Text, Title } from "@mantine/core";
import type { ReactNode } from "react";
import classes from "./empty.module.css";

/** In place of a list that has nothing yet: why, and what to do first. */
export function Empty({ icon, title, children }: { icon?: ReactNode; title: string; children: ReactNode }) {
  return (
    <Paper withBorder p={{ base: "md", sm: "xl" }}>
      <Stack align="flex-start" gap="sm" className={classes.content}>
        {icon}
        <Title order={2} size="h4">
          {title}
        </Title>
        {typeof children === "string" ? <Text>{children}</Text> : children}
      </Stack>
    </Paper>
  );
}
