import { Button, Menu, Modal, Text, useMantineColorScheme } from "@mantine/core";
import { IconChevronDown, IconDeviceDesktop, IconLogout, IconMoon, IconSun } from "@tabler/icons-react";
import { useMutation } from "@tanstack/react-query";
import { signOut } from "../api/session";
import { t } from "../messages";
import { ProblemNote } from "./problem-note";
import { useOwner } from "./use-session";

const THEMES = [
  { value: "light", label: t.shell.themes.light, icon: IconSun },
  { value: "dark", label: t.shell.themes.dark, icon: IconMoon },
  { value: "auto", label: t.shell.themes.auto, icon: IconDeviceDesktop },
] as const;

/** Who is signed in, the colours, and the way out. */
export function OwnerMenu() {
  const owner = useOwner();
  const { colorScheme, setColorScheme } = useMantineColorScheme();
  const leaving = useMutation({ mutationFn: signOut });
  return (
    <>
      <Menu position="bottom-end" width={220}>
        <Menu.Target>
          <Button
            variant="subtle"
            color="gray"
            c="var(--mantine-color-text)"
            px="xs"
            aria-label={t.shell.ownerMenu(owner.olares_name)}
            rightSection={<IconChevronDown size={16} aria-hidden />}
          >
            <Text component="span" size="sm" truncate maw={180}>
              {owner.olares_name}
            </Text>
          </Button>
        </Menu.Target>
        <Menu.Dropdown>
          <Menu.Label c="dimmed" style={{ overflowWrap: "anywhere" }}>
            {t.shell.ownerMenu(owner.olares_name)}
          </Menu.Label>
          <Menu.Divider />
          <Menu.Label c="dimmed">{t.shell.theme}</Menu.Label>
          {THEMES.map(({ value, label, icon: Icon }) => (
            <Menu.Item
              key={value}
              role="menuitemradio"
              aria-checked={colorScheme === value}
              leftSection={<Icon size={16} aria-hidden />}
              onClick={() => setColorScheme(value)}
              fw={colorScheme === value ? 650 : 400}
            >
              {label}
            </Menu.Item>
          ))}
          <Menu.Divider />
          <Menu.Item leftSection={<IconLogout size={16} aria-hidden />} onClick={() => leaving.mutate()}>
            {t.shell.signOut}
          </Menu.Item>
        </Menu.Dropdown>
      </Menu>
      <Modal
        opened={leaving.isError}
        centered
        onClose={leaving.reset}
        title={t.shell.signOutFailed}
        closeButtonProps={{ "aria-label": t.shell.close }}
      >
        {leaving.isError && <ProblemNote error={leaving.error} onRetry={() => leaving.mutate()} />}
      </Modal>
    </>
  );
}
