import { Alert, Anchor, Button, Stack, Text } from "@mantine/core";
import {
  IconAlertTriangle,
  IconCircleCheck,
  IconClockOff,
  IconInfoCircle,
  IconRefresh,
  type TablerIcon,
} from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { Link } from "react-router";
import { useNow } from "../../components/instant";
import { ageText, instantText } from "../../format/instants";
import { t } from "../../messages";
import { restoreQuery } from "../../queries/restores";
import type { TicketIssued } from "../../queries/tickets";
import { stateOf, type TicketState } from "./ticket-state";

const words = t.restoreLocal.ticket;
const TICK_MS = 5_000;

const LOOKS: Record<TicketState, { color: string; icon: TablerIcon }> = {
  good: { color: "blue", icon: IconInfoCircle },
  over: { color: "orange", icon: IconClockOff },
  cancelled: { color: "gray", icon: IconClockOff },
  working: { color: "blue", icon: IconRefresh },
  failed: { color: "orange", icon: IconAlertTriangle },
  completed: { color: "green", icon: IconCircleCheck },
};

/** How long the ticket is good, or what has become of it. */
export function TicketPanel({ issued, onAgain }: { issued: TicketIssued; onAgain: () => void }) {
  const now = useNow(TICK_MS);
  const { data: restore } = useQuery(restoreQuery(issued.restore_id));
  const state = stateOf(issued.expires_at, restore?.state, now);
  const { color, icon: Icon } = LOOKS[state];
  const isOver = state === "over" || state === "cancelled" || state === "completed";
  const follow = (
    <Anchor component={Link} to={`/restores/${issued.restore_id}`}>
      {words.working.follow}
    </Anchor>
  );
  return (
    <div aria-live="polite">
      <Alert
        role="note"
        variant="light"
        color={color}
        icon={<Icon aria-hidden />}
        title={state === "good" ? words.title : words[state].title}
      >
        <Stack gap="xs" align="flex-start" c="var(--mantine-color-text)">
          {state === "good" && (
            <Text>{words.good(ageText(issued.expires_at, now), instantText(issued.expires_at))}</Text>
          )}
          {state === "over" && <Text>{words.over.text}</Text>}
          {state === "cancelled" && <Text>{words.cancelled.text}</Text>}
          {state === "working" && (
            <>
              <Text>{words.working.text}</Text>
              {follow}
            </>
          )}
          {state === "failed" && (
            <>
              <Text>{words.failed.text(restore?.reason ?? null)}</Text>
              {follow}
            </>
          )}
          {state === "completed" && (
            <Text>{restore?.warnings ? words.completed.warnings(restore.warnings) : words.completed.text}</Text>
          )}
          {state !== "working" && (
            <Button variant={isOver && state !== "completed" ? "filled" : "default"} size="xs" onClick={onAgain}>
              {words.again}
            </Button>
          )}
        </Stack>
      </Alert>
    </div>
  );
}
