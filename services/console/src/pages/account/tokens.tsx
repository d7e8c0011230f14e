import { Button, List, Text } from "@mantine/core";
import { useInfiniteQuery } from "@tanstack/react-query";
import { useState } from "react";
import { Ask } from "../../components/ask";
import { Age, Instant } from "../../components/instant";
import { Panel } from "../../components/panel";
import type { Column } from "../../components/records";
import { t } from "../../messages";
import { type ApiToken, tokensQuery, useRevokeToken } from "../../queries/account";
import { Listed } from "./listed";
import { MakeToken } from "./make-token";
import { nameOfScope } from "./scopes";

const words = t.account.tokens;

/** What programs sign in by. */
export function Tokens() {
  const found = useInfiniteQuery(tokensQuery);
  const [making, setMaking] = useState(false);
  const [revoking, setRevoking] = useState<ApiToken | null>(null);
  const isEmpty = found.data?.pages[0]?.items.length === 0;
  const columns: readonly Column<ApiToken>[] = [
    { title: words.name, cell: ({ name }) => name },
    { title: words.may, cell: (token) => <May token={token} /> },
    { title: words.used, cell: ({ last_used_at }) => (last_used_at ? <Age at={last_used_at} /> : words.never) },
    { title: words.expires, cell: ({ expires_at }) => <Instant at={expires_at} /> },
    {
      title: words.revoke,
      align: "end",
      cell: (token) => (
        <Button size="xs" variant="default" aria-label={words.revokeOf(token.name)} onClick={() => setRevoking(token)}>
          {words.revoke}
        </Button>
      ),
    },
  ];
  return (
    <Panel
      title={words.title}
      actions={
        <Button size="xs" variant="default" onClick={() => setMaking(true)}>
          {words.make}
        </Button>
      }
    >
      <Text maw="75ch">{words.text}</Text>
      {isEmpty ? (
        <Text c="dimmed">{words.none}</Text>
      ) : (
        <Listed label={words.title} found={found} columns={columns} rowKey={({ token_id }) => token_id} />
      )}
      {making && <MakeToken onClose={() => setMaking(false)} />}
      {revoking && <Revoke token={revoking} onClose={() => setRevoking(null)} />}
    </Panel>
  );
}

function May({ token }: { token: ApiToken }) {
  return (
    <List size="sm" listStyleType="none">
      {token.scopes.map((scope) => (
        <List.Item key={scope}>{nameOfScope(scope)}</List.Item>
      ))}
    </List>
  );
}

function Revoke({ token, onClose }: { token: ApiToken; onClose: () => void }) {
  const revoking = useRevokeToken();
  return (
    <Ask
      dangerous
      title={words.ask(token.name)}
      confirm={words.confirm}
      busy={revoking.isPending}
      error={revoking.error}
      onConfirm={() => revoking.mutate(token.token_id, { onSuccess: onClose })}
      onClose={onClose}
    >
      {words.follows}
    </Ask>
  );
}
