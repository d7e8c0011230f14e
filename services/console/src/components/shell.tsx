import { AppShell, Burger, Container, Group, NavLink, Text, UnstyledButton } from "@mantine/core";
import { useHotkeys, useMediaQuery } from "@mantine/hooks";
import { IconCloudComputing, IconDatabase, IconHome, IconReceipt, IconRestore, IconUser } from "@tabler/icons-react";
import { useEffect, useRef, useState } from "react";
import { Link, Outlet, ScrollRestoration, useLocation } from "react-router";
import { t } from "../messages";
import { Connection } from "./connection";
import { Logo } from "./logo";
import { OwnerMenu } from "./owner-menu";
import classes from "./shell.module.css";

const PLACES = [
  { to: "/", label: t.shell.places.home, icon: IconHome },
  { to: "/backups", label: t.shell.places.backups, icon: IconDatabase },
  { to: "/restores", label: t.shell.places.restores, icon: IconRestore },
  { to: "/instances", label: t.shell.places.instances, icon: IconCloudComputing },
  { to: "/billing", label: t.shell.places.billing, icon: IconReceipt },
  { to: "/account", label: t.shell.places.account, icon: IconUser },
] as const;

const NARROW = "(max-width: 47.99em)";

/** What is around each page of a signed-in owner: where one is, where one can go, and whether Space answers. */
export function Shell() {
  const { pathname } = useLocation();
  // It belongs to the page it was opened on: another one must not be covered when its heading takes the focus.
  const [openedOn, setOpenedOn] = useState<string | null>(null);
  const isOpen = openedOn === pathname;
  const close = () => setOpenedOn(null);
  const burger = useRef<HTMLButtonElement>(null);
  // Where it is narrow the menu lies over the page, and what lies below it takes no focus.
  const covers = useMediaQuery(NARROW) === true && isOpen;
  useHotkeys([["Escape", () => covers && leaveMenu()]], []);
  function leaveMenu() {
    close();
    burger.current?.focus();
  }
  // biome-ignore lint/correctness/useExhaustiveDependencies: whoever comes back finds it closed
  useEffect(close, [pathname]);
  return (
    <AppShell
      header={{ height: 56 }}
      navbar={{ width: 220, breakpoint: "sm", collapsed: { mobile: !isOpen } }}
      padding={{ base: "md", sm: "xl" }}
    >
      <a className={classes.skip} href="#content">
        {t.shell.skip}
      </a>
      <AppShell.Header>
        <Group h="100%" px="md" justify="space-between" wrap="nowrap">
          <Group gap="xs" wrap="nowrap">
            <Burger
              ref={burger}
              opened={isOpen}
              onClick={() => setOpenedOn(isOpen ? null : pathname)}
              hiddenFrom="sm"
              size="sm"
              aria-label={isOpen ? t.shell.closeMenu : t.shell.openMenu}
              aria-expanded={isOpen}
            />
            <UnstyledButton component={Link} to="/" className={classes.brand}>
              <Logo size={28} />
              <Text component="span" fw={650} size="lg">
                {t.shell.product}
              </Text>
            </UnstyledButton>
          </Group>
          <OwnerMenu />
        </Group>
      </AppShell.Header>
      <AppShell.Navbar p="sm" aria-label={t.shell.navigation} className={classes.places} data-open={isOpen}>
        {PLACES.map(({ to, label, icon: Icon }) => (
          <NavLink
            key={to}
            component={Link}
            to={to}
            onClick={close}
            label={label}
            leftSection={<Icon size={18} aria-hidden />}
            active={isAt(pathname, to)}
            aria-current={isAt(pathname, to) ? "page" : undefined}
            className={classes.place}
          />
        ))}
      </AppShell.Navbar>
      <AppShell.Main id="content" tabIndex={-1} className={classes.main} inert={covers}>
        <Container size="xl" px={0}>
          <Connection />
          <Outlet />
        </Container>
      </AppShell.Main>
      <ScrollRestoration />
    </AppShell>
  );
}

function isAt(pathname: string, place: string): boolean {
  return place === "/" ? pathname === "/" : pathname === place || pathname.startsWith(`${place}/`);
}
