import { Button, Group, Stack, Text, TextInput } from "@mantine/core";
import { type FormEvent, useState } from "react";
import { hasCode } from "../../api/problem";
import { Facts } from "../../components/facts";
import { Instant } from "../../components/instant";
import { Panel } from "../../components/panel";
import { ProblemNote, problemText } from "../../components/problem-note";
import { useOwner } from "../../components/use-session";
import { t } from "../../messages";
import { useSettleName } from "../../queries/account";

const words = t.account;

export function Who() {
  const owner = useOwner();
  const settling = useSettleName();
  return (
    <>
      {owner.name_is_provisional && <Name settling={settling} />}
      <Panel title={words.who.title}>
        <Text role="status" hidden={!settling.isSuccess}>
          {settling.isSuccess && words.name.done}
        </Text>
        <Facts
          facts={[
            [words.who.name, owner.olares_name],
            [words.who.did, owner.did],
            [words.who.since, <Instant key="since" at={owner.created_at} />],
          ]}
        />
      </Panel>
    </>
  );
}

function Name({ settling }: { settling: ReturnType<typeof useSettleName> }) {
  const [name, setName] = useState("");
  const [wrong, setWrong] = useState(false);
  const refused = hasCode(settling.error, "olares_name_taken");

  function submit(event: FormEvent) {
    event.preventDefault();
    const isName = /^[^\s@]+@[^\s@]+$/.test(name.trim());
    setWrong(!isName);
    if (isName) settling.mutate(name.trim());
  }
  return (
    <Panel title={words.name.title}>
      <Text maw="75ch">{words.name.text}</Text>
      <form onSubmit={submit} noValidate>
        <Stack maw={480}>
          <TextInput
            label={words.name.label}
            description={words.name.hint}
            value={name}
            onChange={({ currentTarget }) => {
              setName(currentTarget.value);
              setWrong(false);
              settling.reset();
            }}
            error={wrong ? words.name.wrong : refused ? problemText(settling.error) : null}
            autoComplete="off"
            autoCapitalize="off"
            spellCheck={false}
            maxLength={254}
            required
          />
          {settling.isError && !refused && <ProblemNote error={settling.error} />}
          <Group>
            <Button type="submit" loading={settling.isPending}>
              {words.name.save}
            </Button>
          </Group>
        </Stack>
      </form>
    </Panel>
  );
}
