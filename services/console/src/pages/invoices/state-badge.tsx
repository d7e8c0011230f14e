import { Badge } from "@mantine/core";
import { IconCircleCheck, IconCircleOff, IconClock, IconPencil, type TablerIcon } from "@tabler/icons-react";
import { t } from "../../messages";
import type { InvoiceState } from "../../queries/invoices";

const LOOKS: Record<InvoiceState, { color: string; icon: TablerIcon }> = {
  draft: { color: "gray", icon: IconPencil },
  finalised: { color: "orange", icon: IconClock },
  paid: { color: "green", icon: IconCircleCheck },
  void: { color: "gray", icon: IconCircleOff },
  uncollectible: { color: "gray", icon: IconCircleOff },
};

export function StateBadge({ state }: { state: InvoiceState }) {
  const { color, icon: Icon } = LOOKS[state];
  return (
    <Badge variant="light" color={color} tt="none" leftSection={<Icon size={14} aria-hidden />}>
      {t.invoices.states[state]}
    </Badge>
  );
}
