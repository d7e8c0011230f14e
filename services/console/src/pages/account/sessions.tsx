import { Badge, Button, Group, Text } from "@mantine/core";
import { useInfiniteQuery } from "@tanstack/react-query";
import { useState } from "react";
import { Ask } from "../../components/ask";
import { Age, Instant } from "../../components/instant";
import { Panel } from "../../components/panel";
import type { Column } from "../../components/records";
import { SignOutButton } from "../../components/sign-out-button";
import { t } from "../../messages";
import { type Session, sessionsQuery, useEndSession } from "../../queries/account";
import { Listed } from "./listed";

const words = t.account.sessions;

/** Who is signed in as this owner, and the way to end it. */
export function Sessions() {
  const found = useInfiniteQuery(sessionsQuery);
  const [ending, setEnding] = useState<Session | null>(null);
  const columns: readonly Column<Session>[] = [
    { title: words.name, cell: (session) => <Name session={session} /> },
    { title: words.device, cell: ({ device_name }) => device_name },
    { title: words.used, cell: ({ last_used_at }) => <Age at={last_used_at} /> },
    { title: words.ends, cell: ({ expires_at }) => <Instant at={expires_at} /> },
    {
      title: words.end,
      align: "end",
      cell: (session) =>
        session.is_current ? (
          <SignOutButton size="xs" variant="default">
            {words.signOut}
          </SignOutButton>
        ) : (
          <Button
            size="xs"
            variant="default"
            aria-label={words.endOf(nameOf(session))}
            onClick={() => setEnding(session)}
          >
            {words.end}
          </Button>
        ),
    },
  ];
  return (
    <Panel title={words.title}>
      <Text maw="75ch">{words.text}</Text>
      <Listed label={words.title} found={found} columns={columns} rowKey={({ session_id }) => session_id} />
      {ending && <End session={ending} onClose={() => setEnding(null)} />}
    </Panel>
  );
}

function Name({ session }: { session: Session }) {
  return (
    <div>
      <Group gap="xs">
        <span>{nameOf(session)}</span>
        {session.is_current && (
          <Badge variant="light" color="green" tt="none">
            {words.current}
          </Badge>
        )}
      </Group>
      <Text size="sm" c="dimmed" fw={400}>
        {words.kinds[session.kind]}
      </Text>
    </div>
  );
}

function nameOf({ client_name }: Session): string {
  return client_name ?? words.unnamed;
}

function End({ session, onClose }: { session: Session; onClose: () => void }) {
  const ending = useEndSession();
  return (
    <Ask
      dangerous
      title={words.ask(nameOf(session))}
      confirm={words.confirm}
      busy={ending.isPending}
      error={ending.error}
      onConfirm={() => ending.mutate(session.session_id, { onSuccess: onClose })}
      onClose={onClose}
    >
      {session.kind === "olares" ? words.olares : words.native}
    </Ask>
  );
}
