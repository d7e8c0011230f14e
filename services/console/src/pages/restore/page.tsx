import { Skeleton, Stack, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { Navigate, useParams, useSearchParams } from "react-router";
import { hasCode } from "../../api/problem";
import { Page } from "../../components/page";
import { ProblemNote } from "../../components/problem-note";
import { t } from "../../messages";
import { restorableBackupQuery } from "../../queries/restorable";
import { type CloudRestore, type RestoreState, type RestoreWish, restoreQuery } from "../../queries/restores";
import { Charges } from "./charges";
import { type Choices, choicesOf, paramsOf, STEPS, type Step } from "./choices";
import { OrderOver } from "./order-over";
import { Pay } from "./pay";
import { SetUp } from "./set-up";
import { Steps } from "./steps";

const words = t.restore;
const IN_ORDER: ReadonlySet<RestoreState> = new Set(["quoting", "quoted", "authorising"]);
const OVER: ReadonlySet<RestoreState> = new Set(["undoing", "expired", "cancelled", "failed"]);

export function Component() {
  const { backupId = "" } = useParams();
  const [params, setParams] = useSearchParams();
  const backup = useQuery(restorableBackupQuery(backupId));
  const choices = choicesOf(params);
  const restore = useQuery({ ...restoreQuery(choices.restore ?? ""), enabled: choices.restore !== null });
  const { step } = choices;

  function addressOf(changes: Partial<Choices>): string {
    return `?${new URLSearchParams(paramsOf({ ...choices, ...changes }))}`;
  }
  function choose(changes: Partial<Choices>) {
    setParams(paramsOf({ ...choices, ...changes }), { replace: true, preventScrollReset: true });
  }
  function quoted({ snapshot_id, instance_name, ...place }: RestoreWish, restoreId: string, replace: boolean) {
    const chosen = { ...place, snapshot: snapshot_id, name: instance_name };
    setParams(paramsOf({ ...chosen, step: "charges", restore: restoreId }), { replace });
  }

  const found = restore.data;
  const cloud = found?.backup_id === backupId ? (found.cloud ?? null) : null;
  if (step !== "set-up" && found && cloud && !IN_ORDER.has(found.state) && !OVER.has(found.state)) {
    return <Navigate to={`/restores/${found.restore_id}`} replace />;
  }
  if (step !== "set-up" && (hasCode(restore.error, "restore_not_found") || (found && !cloud))) {
    return <Navigate to={addressOf({ step: "set-up", restore: null })} replace />;
  }
  return (
    <Page
      // Each step is a page of its own to who hears it: its heading takes the focus.
      key={step}
      title={backup.data ? words.titleOf(backup.data.name) : words.title}
      subtitle={words.steps.of(STEPS.indexOf(step) + 1, STEPS.length, words.steps[step])}
      parent={{ to: `/backups/${backupId}`, label: backup.data?.name ?? t.shell.back }}
    >
      <Steps current={step} to={(each) => addressOf({ step: each })} />
      {backup.isError && !backup.data && <ProblemNote error={backup.error} onRetry={() => void backup.refetch()} />}
      {step === "set-up" && backup.data && (choices.restore === null || !restore.isPending) && (
        <SetUp
          backup={backup.data}
          choices={choices}
          before={found ?? null}
          onChoose={choose}
          onQuoted={(wish, restoreId) => quoted(wish, restoreId, false)}
        />
      )}
      {step !== "set-up" && restore.isError && !found && (
        <ProblemNote error={restore.error} onRetry={() => void restore.refetch()} />
      )}
      {step !== "set-up" && found && cloud && (
        <Ordered
          step={step}
          restore={{ ...found, cloud }}
          addressOf={(each) => addressOf({ step: each })}
          onStep={(each) => setParams(paramsOf({ ...choices, step: each }))}
          onQuoted={(wish, restoreId) => quoted(wish, restoreId, true)}
          onExpired={() => void restore.refetch()}
        />
      )}
      {(backup.isPending || (choices.restore !== null && restore.isPending)) && <Loading />}
    </Page>
  );
}

interface OrderedProps {
  step: Step;
  restore: CloudRestore;
  addressOf: (step: Step) => string;
  onStep: (step: Step) => void;
  onQuoted: (wish: RestoreWish, restoreId: string) => void;
  onExpired: () => void;
}

/** The steps about an order that was quoted. */
function Ordered({ step, restore, addressOf, onStep, onQuoted, onExpired }: OrderedProps) {
  const { state, cloud } = restore;
  const { quote } = cloud;
  const expired = state === "expired" || (state === "quoted" && !!quote && Date.parse(quote.expires_at) <= Date.now());
  if (expired || OVER.has(state)) return <OrderOver restore={restore} expired={expired} onQuoted={onQuoted} />;
  if (!quote) return <Quoting />;
  if (step === "charges") {
    return <Charges cloud={{ ...cloud, quote }} back={addressOf("set-up")} onNext={() => onStep("pay")} />;
  }
  return <Pay restore={restore} quote={quote} back={addressOf("charges")} onExpired={onExpired} />;
}

function Quoting() {
  return (
    <Stack aria-busy>
      <Text aria-live="polite">{words.asking}…</Text>
      <Skeleton h={180} />
      <Skeleton h={120} />
    </Stack>
  );
}

function Loading() {
  return (
    <Stack aria-busy aria-label={t.shell.loading}>
      <Skeleton h={330} />
      <Skeleton h={260} />
    </Stack>
  );
}
