import { Badge } from "@mantine/core";
import {
  IconAlertTriangle,
  IconCircleCheck,
  IconCircleOff,
  IconPlayerPause,
  IconRefresh,
  type TablerIcon,
} from "@tabler/icons-react";
import { t } from "../../messages";
import type { InstanceStatus } from "../../queries/instances";
import { type Mood, moodOf } from "./status";

const LOOKS: Record<Mood, { color: string; icon: TablerIcon }> = {
  good: { color: "green", icon: IconCircleCheck },
  busy: { color: "blue", icon: IconRefresh },
  idle: { color: "gray", icon: IconPlayerPause },
  bad: { color: "red", icon: IconAlertTriangle },
  over: { color: "gray", icon: IconCircleOff },
};

export function StatusBadge({ status }: { status: InstanceStatus }) {
  const { color, icon: Icon } = LOOKS[moodOf(status)];
  return (
    <Badge variant="light" color={color} tt="none" leftSection={<Icon size={14} aria-hidden />}>
      {t.instances.statuses[status].name}
    </Badge>
  );
}
