import { Alert, Anchor, Button, Group, Stack, Text } from "@mantine/core";
import { IconAlertTriangle } from "@tabler/icons-react";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useRef, useState } from "react";
import { Link } from "react-router";
import { hasCode } from "../../api/problem";
import { BackupPassword, type BackupPasswordHandle } from "../../components/backup-password";
import { Facts } from "../../components/facts";
import { Instant } from "../../components/instant";
import { Panel } from "../../components/panel";
import { keptPassword } from "../../crypto/kept-passwords";
import { durationText } from "../../format/durations";
import { instantText } from "../../format/instants";
import { moneyText } from "../../format/money";
import { sizeText } from "../../format/sizes";
import { t } from "../../messages";
import { offersQuery } from "../../queries/offers";
import { paymentMethodsQuery } from "../../queries/payment-methods";
import { type CloudRestore, restoreQuery, useConfirmRestore } from "../../queries/restores";
import { MethodChoice } from "./method-choice";
import { OrderRefusal } from "./order-refusal";
import { QuoteLines } from "./quote-lines";

const words = t.restore.pay;

interface PayProps {
  restore: CloudRestore;
  quote: NonNullable<CloudRestore["cloud"]["quote"]>;
  back: string;
  onExpired: () => void;
}

/** The third step: the order once more, how it is paid, and the owner's word. */
export function Pay({ restore, quote, back, onExpired }: PayProps) {
  const client = useQueryClient();
  const methods = useQuery(paymentMethodsQuery);
  const confirming = useConfirmRestore(restore.restore_id);
  const password = useRef<BackupPasswordHandle>(null);
  const [asksPassword] = useState(() => keptPassword(restore.backup_id) === null);
  const [chosen, setChosen] = useState<string | null>(null);
  const [lacksMethod, setLacksMethod] = useState(false);
  const [settling, setSettling] = useState(false);
  const needsCard = quote.applied.card.amount_minor > 0;
  const method = chosen ?? methods.data?.find((each) => each.is_default)?.payment_method_id ?? null;
  const holding = restore.state === "authorising";

  async function confirm() {
    setLacksMethod(needsCard && method === null);
    if (needsCard && method === null) return;
    setSettling(true);
    const settled = password.current === null || (await password.current.settle());
    setSettling(false);
    if (!settled) return;
    confirming.mutate(needsCard ? method : null, {
      onError: (error) => {
        if (hasCode(error, "quote_expired")) onExpired();
        void client.invalidateQueries({ queryKey: restoreQuery(restore.restore_id).queryKey });
        if (hasCode(error, "payment_method_not_found")) void methods.refetch();
      },
    });
  }
  return (
    <Stack gap="lg">
      {restore.state === "quoted" && restore.code !== null && <Declined why={restore.reason ?? ""} />}
      <Panel title={words.order}>
        <Order restore={restore} quote={quote} />
        <QuoteLines label={words.order} sum={quote} applied={quote.applied} />
        <Group justify="space-between" className="numbers">
          <Text fw={650}>{words.due}</Text>
          <Text fw={650} size="xl">
            {moneyText(quote.applied.card)}
          </Text>
        </Group>
      </Panel>
      {asksPassword && (
        <Panel title={words.password}>
          <Text>{words.passwordAgain}</Text>
          <BackupPassword backupId={restore.backup_id} handle={password} />
        </Panel>
      )}
      {needsCard && !holding && (
        <Panel title={words.method}>
          <MethodChoice
            methods={methods}
            method={method}
            onChange={(id) => {
              setChosen(id);
              setLacksMethod(false);
            }}
          />
          {lacksMethod && method === null && (
            <Text role="alert" c="var(--mantine-color-error)">
              {words.needsMethod}
            </Text>
          )}
        </Panel>
      )}
      {confirming.isError && !holding && <OrderRefusal error={confirming.error} backupId={restore.backup_id} />}
      <Text size="sm" maw="75ch">
        {needsCard && `${t.restore.charges.held} `}
        {words.after}
      </Text>
      <Group>
        <Button
          onClick={() => void confirm()}
          loading={settling || confirming.isPending || holding}
          // Which card is charged has to be on the page before it is.
          disabled={needsCard && !methods.data}
        >
          {needsCard ? words.confirm(moneyText(quote.total)) : words.confirmFree}
        </Button>
        {!holding && (
          <Button component={Link} to={back} variant="default">
            {t.shell.back}
          </Button>
        )}
        <Text aria-live="polite">{holding && words.holding}</Text>
        {holding && (
          <Anchor component={Link} to={`/restores/${restore.restore_id}`}>
            {words.follow}
          </Anchor>
        )}
      </Group>
    </Stack>
  );
}

function Order({ restore, quote }: Pick<PayProps, "restore" | "quote">) {
  const { backup_name, snapshot_taken_at, size_processed_bytes, cloud } = restore;
  const offers = useQuery(offersQuery);
  const provider = offers.data?.find((each) => each.provider === cloud.provider);
  const region = provider?.regions.find((each) => each.region === cloud.region);
  const plan = region?.plans.find((each) => each.plan === cloud.plan);
  const places = new Set([provider?.name ?? cloud.provider, region?.name ?? cloud.region]);
  const size = size_processed_bytes === null ? t.restore.setUp.unknownSize : sizeText(size_processed_bytes);
  return (
    <Facts
      facts={[
        [words.backup, words.backupOf(backup_name, instantText(snapshot_taken_at), size)],
        [t.restore.setUp.name, cloud.instance_name],
        [words.instance, words.instanceOf([...places].join(", "), plan?.name ?? cloud.plan)],
        [words.estimate, cloud.estimate_seconds === null ? null : durationText(wholeMinutes(cloud.estimate_seconds))],
        [words.until, <Instant key="until" at={quote.expires_at} />],
      ]}
    />
  );
}

function Declined({ why }: { why: string }) {
  return (
    <Alert role="alert" color="red" variant="light" icon={<IconAlertTriangle aria-hidden />} title={words.declined}>
      <Text c="var(--mantine-color-text)">{words.declinedText(why)}</Text>
    </Alert>
  );
}

// It is the operator's guess, and should not look like more.
function wholeMinutes(seconds: number): number {
  return Math.max(1, Math.round(seconds / 60)) * 60;
}
