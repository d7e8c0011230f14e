import { Badge } from "@mantine/core";
import {
  IconAlertTriangle,
  IconCircleCheck,
  IconCircleOff,
  IconRefresh,
  IconUserQuestion,
  type TablerIcon,
} from "@tabler/icons-react";
import { t } from "../../messages";
import type { RestoreState } from "../../queries/restores";
import { type Mood, moodOf } from "./states";

const LOOKS: Record<Mood, { color: string; icon: TablerIcon }> = {
  good: { color: "green", icon: IconCircleCheck },
  busy: { color: "blue", icon: IconRefresh },
  waits: { color: "yellow", icon: IconUserQuestion },
  bad: { color: "red", icon: IconAlertTriangle },
  over: { color: "gray", icon: IconCircleOff },
};

export function StateBadge({ state }: { state: RestoreState }) {
  const { color, icon: Icon } = LOOKS[moodOf(state)];
  return (
    <Badge variant="light" color={color} tt="none" leftSection={<Icon size={14} aria-hidden />}>
      {t.restoreLive.states[state].name}
    </Badge>
  );
}
