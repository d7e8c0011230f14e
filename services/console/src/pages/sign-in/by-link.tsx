import { Button, Group, Text } from "@mantine/core";
import { useMutation } from "@tanstack/react-query";
import { hasCode } from "../../api/problem";
import { type Owner, signOut } from "../../api/session";
import { redeemLink } from "../../api/sign-in";
import { dropLink } from "../../api/sign-in-link";
import { Panel } from "../../components/panel";
import { ProblemNote } from "../../components/problem-note";
import { t } from "../../messages";

const words = t.signIn.link;

interface ByLinkProps {
  secret: string;
  /** Who is signed in already, if anybody is. */
  owner: Owner | null;
  /** The link is of no use. */
  onFailed: (error: unknown) => void;
}

/**
 * Signs in by a link that was opened, when asked to: nobody is to find themselves in somebody else's account because a
 * page elsewhere led them here.
 */
export function ByLink({ secret, owner, onFailed }: ByLinkProps) {
  const using = useMutation({
    mutationFn: async () => {
      if (owner) await signOut();
      await redeemLink(secret);
    },
    onSuccess: dropLink,
    onError: (error) => {
      if (!hasCode(error, "link_invalid")) return;
      dropLink();
      onFailed(error);
    },
  });
  return (
    <Panel title={words.title}>
      {owner && <Text>{words.signedIn(owner.olares_name)}</Text>}
      <Text>{words.text}</Text>
      {using.isError && <ProblemNote error={using.error} />}
      <Group>
        <Button onClick={() => using.mutate()} loading={using.isPending} data-autofocus>
          {owner ? words.replace : words.confirm}
        </Button>
        <Button variant="default" onClick={dropLink}>
          {owner ? words.stay : words.decline}
        </Button>
      </Group>
    </Panel>
  );
}
