import { Button, Stack, Text } from "@mantine/core";
import { IconExternalLink } from "@tabler/icons-react";
import { useMutation } from "@tanstack/react-query";
import { useState } from "react";
import { ProblemNote } from "../../components/problem-note";
import { t } from "../../messages";
import { pageLink } from "../../queries/instances";

const words = t.instances;

/** Opens the page that an instance shows itself, in a new tab. */
export function OpenButton({ instanceId }: { instanceId: string }) {
  const [blocked, setBlocked] = useState(false);
  const opening = useMutation({
    mutationFn: async (tab: Window) => {
      try {
        tab.location.replace(await pageLink(instanceId));
      } catch (error) {
        tab.close();
        throw error;
      }
    },
  });

  // The tab is opened by the press itself, which browsers let through; where it goes is known a moment later.
  function open() {
    const tab = window.open("about:blank", "_blank");
    setBlocked(tab === null);
    if (tab === null) return;
    tab.opener = null;
    tab.document.title = words.open;
    tab.document.body.textContent = words.opening;
    opening.mutate(tab);
  }
  return (
    <Stack gap="xs" align="flex-start">
      <Button
        leftSection={<IconExternalLink size={16} aria-hidden />}
        loading={opening.isPending}
        onClick={open}
        aria-describedby="open-hint"
      >
        {words.open}
      </Button>
      <Text size="sm" c="dimmed" id="open-hint">
        {words.openHint}
      </Text>
      {blocked && <Text role="alert">{words.blocked}</Text>}
      {opening.isError && <ProblemNote error={opening.error} />}
    </Stack>
  );
}
