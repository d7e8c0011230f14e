import { Alert, Button, Stack, Text } from "@mantine/core";
import { IconClockX } from "@tabler/icons-react";
import { t } from "../../messages";
import type { CloudRestore, RestoreWish } from "../../queries/restores";
import { wishOf } from "./choices";
import { OrderRefusal } from "./order-refusal";
import { useOrder } from "./use-order";

const words = t.restore.pay;

interface OrderOverProps {
  restore: CloudRestore;
  expired: boolean;
  onQuoted: (wish: RestoreWish, restoreId: string) => void;
}

/** In place of the charges of an order that holds no more: nothing was charged, and they can be worked out anew. */
export function OrderOver({ restore, expired, onQuoted }: OrderOverProps) {
  const order = useOrder();
  const wish = wishOf(restore);
  async function again() {
    const found = await order.place(wish, restore);
    if (found) onQuoted(wish, found.restore_id);
  }
  return (
    <Stack>
      <Alert
        color="yellow"
        variant="light"
        icon={<IconClockX aria-hidden />}
        title={expired ? words.expiredTitle : words.overTitle}
      >
        <Stack gap="xs" align="flex-start">
          <Text c="var(--mantine-color-text)">{expired ? words.expiredText : (restore.reason ?? words.overText)}</Text>
          <Button onClick={() => void again()} loading={order.busy}>
            {words.again}
          </Button>
        </Stack>
      </Alert>
      {order.error != null && <OrderRefusal error={order.error} backupId={restore.backup_id} />}
    </Stack>
  );
}
