import { Badge } from "@mantine/core";
import {
  IconCircleCheck,
  IconCircleDashed,
  IconClockExclamation,
  IconPlayerStop,
  IconTrash,
  type TablerIcon,
} from "@tabler/icons-react";
import { type Standing, standingOf } from "../format/standings";
import { t } from "../messages";
import type { Backup } from "../queries/backups";

const LOOKS: Record<Standing, { color: string; icon: TablerIcon }> = {
  fine: { color: "green", icon: IconCircleCheck },
  overdue: { color: "orange", icon: IconClockExclamation },
  stopped: { color: "gray", icon: IconPlayerStop },
  empty: { color: "gray", icon: IconCircleDashed },
  deleting: { color: "red", icon: IconTrash },
  removing: { color: "red", icon: IconTrash },
  deleted: { color: "gray", icon: IconTrash },
};

/** How a backup stands, in a word. */
export function StandingBadge({ backup }: { backup: Backup }) {
  const standing = standingOf(backup);
  const { color, icon: Icon } = LOOKS[standing];
  return (
    <Badge variant="light" color={color} tt="none" miw="max-content" leftSection={<Icon size={14} aria-hidden />}>
      {t.backups.standing[standing]}
    </Badge>
  );
}
