import { Anchor, Group } from "@mantine/core";
import { Link, useLocation } from "react-router";
import { t } from "../../messages";
import classes from "./nav.module.css";

const PLACES = [
  { to: "/billing", label: t.billing.places.overview },
  { to: "/billing/invoices", label: t.billing.places.invoices },
  { to: "/billing/payment", label: t.billing.places.payment },
] as const;

/** Between the pages that money is about. */
export function BillingNav() {
  const { pathname } = useLocation();
  return (
    <Group component="nav" aria-label={t.billing.navigation} gap={4} className={classes.nav}>
      {PLACES.map(({ to, label }) => (
        <Anchor
          key={to}
          component={Link}
          to={to}
          underline="never"
          className={classes.place}
          aria-current={pathname === to ? "page" : undefined}
        >
          {label}
        </Anchor>
      ))}
    </Group>
  );
}
