import { Anchor, Box, Container, Group, Stack, Text, Title } from "@mantine/core";
import { IconChevronLeft } from "@tabler/icons-react";
import { type ReactNode, useEffect, useRef } from "react";
import { Link } from "react-router";
import { t } from "../messages";

interface PageProps {
  title: string;
  /** Below the title, one sentence. */
  subtitle?: ReactNode;
  /** Where the page belongs, one step up. */
  parent?: { to: string; label: string };
  /** Beside the title. */
  actions?: ReactNode;
  size?: "sm" | "md" | "lg" | "xl";
  children: ReactNode;
}

/** The frame of each page. Its heading takes the focus, so that a screen reader says where one has come to. */
export function Page({ title, subtitle, parent, actions, size = "lg", children }: PageProps) {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    document.title = t.shell.title(title);
  }, [title]);
  useEffect(() => heading.current?.focus({ preventScroll: true }), []);
  return (
    <Container size={size} px={0}>
      <Stack gap="lg">
        <div>
          {parent && (
            <Anchor
              component={Link}
              to={parent.to}
              size="sm"
              display="inline-flex"
              style={{ alignItems: "center" }}
              mb={4}
            >
              <IconChevronLeft size={16} aria-hidden />
              {parent.label}
            </Anchor>
          )}
          <Group justify="space-between" align="center" gap="sm">
            <Box flex="1 1 280px" style={{ overflowWrap: "anywhere" }}>
              <Title order={1} size="h2" ref={heading} tabIndex={-1}>
                {title}
              </Title>
              {subtitle && <Text c="dimmed">{subtitle}</Text>}
            </Box>
            {actions && <Group gap="sm">{actions}</Group>}
          </Group>
        </div>
        {children}
      </Stack>
    </Container>
  );
}
