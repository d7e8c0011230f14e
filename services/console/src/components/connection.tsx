import { Alert } from "@mantine/core";
import { useNetwork } from "@mantine/hooks";
import { IconCloudOff } from "@tabler/icons-react";
import { useSyncExternalStore } from "react";
import { t } from "../messages";
import { unansweredStore } from "../queries/unanswered";

/** Says so while nobody answers, or not all do; what is shown stays, and is asked for again by itself. */
export function Connection() {
  const { online } = useNetwork();
  const unanswered = useSyncExternalStore(unansweredStore.subscribe, unansweredStore.read);
  const text = online ? unanswered && t.shell.unanswered[unanswered] : t.shell.offline;
  return (
    <div aria-live="polite">
      {text && (
        <Alert color="yellow" variant="light" role="presentation" icon={<IconCloudOff aria-hidden />} mb="md">
          {text}
        </Alert>
      )}
    </div>
  );
}
