import { Button, Checkbox, Group, Modal, NativeSelect, Stack, Text, TextInput } from "@mantine/core";
import { type FormEvent, useState } from "react";
import { CopyField } from "../../components/copy-field";
import { ProblemNote } from "../../components/problem-note";
import { useReturnedFocus } from "../../components/use-returned-focus";
import { t } from "../../messages";
import { useCreateToken } from "../../queries/account";
import { useAttempt } from "../../queries/attempt";
import { nameOfScope, SCOPES } from "./scopes";

const words = t.account.tokens;
const DAYS = [30, 90, 365] as const;

/** Asks what a new token is for and may do, and shows it, once. */
export function MakeToken({ onClose }: { onClose: () => void }) {
  useReturnedFocus();
  const creating = useCreateToken();
  return (
    <Modal
      opened
      onClose={onClose}
      title={creating.data ? words.made.title : words.make}
      centered
      returnFocus={false}
      closeOnClickOutside={!creating.data}
      closeButtonProps={{ "aria-label": t.shell.close }}
    >
      {creating.data ? (
        <Stack>
          <Text>{words.made.text}</Text>
          <CopyField value={creating.data.token} what={words.made.what} />
          <Text size="sm">{words.made.use}</Text>
          <Group justify="flex-end">
            <Button onClick={onClose}>{words.made.done}</Button>
          </Group>
        </Stack>
      ) : (
        <Form creating={creating} />
      )}
    </Modal>
  );
}

function Form({ creating }: { creating: ReturnType<typeof useCreateToken> }) {
  const attempt = useAttempt();
  const [name, setName] = useState("");
  const [scopes, setScopes] = useState<(typeof SCOPES)[number][]>(["backups:read", "backups:write"]);
  const [days, setDays] = useState<number>(DAYS[1]);
  const [tried, setTried] = useState(false);
  const isWhole = name.trim() !== "" && scopes.length > 0;

  function submit(event: FormEvent) {
    event.preventDefault();
    setTried(true);
    if (!isWhole) return;
    creating.mutate({ wish: { name: name.trim(), scopes, expires_in_days: days }, key: attempt.key });
  }
  function change(set: () => void) {
    set();
    // Another wish is another token.
    attempt.renew();
    creating.reset();
  }
  return (
    <form onSubmit={submit} noValidate>
      <Stack>
        <TextInput
          label={words.form.name}
          description={words.form.nameHint}
          value={name}
          onChange={({ currentTarget: { value } }) => change(() => setName(value))}
          error={tried && name.trim() === "" ? words.form.nameWrong : null}
          maxLength={100}
          autoComplete="off"
          data-autofocus
          required
        />
        <Checkbox.Group
          label={words.form.scopes}
          value={scopes}
          onChange={(chosen) => change(() => setScopes(SCOPES.filter((scope) => chosen.includes(scope))))}
          error={tried && scopes.length === 0 ? words.form.scopesWrong : null}
        >
          <Stack gap="xs" mt="xs">
            {SCOPES.map((scope) => (
              <Checkbox key={scope} value={scope} label={nameOfScope(scope)} />
            ))}
          </Stack>
        </Checkbox.Group>
        <NativeSelect
          label={words.form.days}
          value={String(days)}
          onChange={({ currentTarget: { value } }) => change(() => setDays(Number(value)))}
          data={DAYS.map((each) => ({ value: String(each), label: words.form.daysOf(each) }))}
        />
        {creating.isError && <ProblemNote error={creating.error} />}
        <Group justify="flex-end">
          <Button type="submit" loading={creating.isPending}>
            {words.form.confirm}
          </Button>
        </Group>
      </Stack>
    </form>
  );
}
