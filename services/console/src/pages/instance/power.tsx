import { Button } from "@mantine/core";
import { IconPlayerPlay, IconPlayerStop, IconReload, IconTrash, type TablerIcon } from "@tabler/icons-react";
import { useState } from "react";
import { Ask } from "../../components/ask";
import { t } from "../../messages";
import { type Instance, type InstanceAction, useInstanceAction } from "../../queries/instances";
import { ReturnDialog } from "./return-dialog";

const ICONS: Record<InstanceAction, TablerIcon> = {
  start: IconPlayerPlay,
  restart: IconReload,
  stop: IconPlayerStop,
  return: IconTrash,
};
const ORDER: readonly InstanceAction[] = ["start", "restart", "stop", "return"];

/** What can be asked of an instance in its status; each asks first. */
export function Power({ instance }: { instance: Instance }) {
  const [asked, setAsked] = useState<InstanceAction | null>(null);
  const acting = useInstanceAction(instance.instance_id);
  const words = asked && t.instances.actions[asked];

  function close() {
    setAsked(null);
    acting.reset();
  }
  return (
    <>
      {ORDER.filter((action) => instance.actions.includes(action)).map((action) => {
        const Icon = ICONS[action];
        return (
          <Button
            key={action}
            variant="default"
            leftSection={<Icon size={16} aria-hidden />}
            onClick={() => setAsked(action)}
          >
            {t.instances.actions[action].label}
          </Button>
        );
      })}
      {asked === "return" && <ReturnDialog instance={instance} onClose={close} />}
      {words && asked !== "return" && (
        <Ask
          title={words.title(instance.name)}
          confirm={words.confirm}
          busy={acting.isPending}
          error={acting.error}
          onConfirm={() => acting.mutate(asked, { onSuccess: close })}
          onClose={close}
        >
          {words.text}
        </Ask>
      )}
    </>
  );
}
