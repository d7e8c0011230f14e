/** A matter in words, and the one thing to do about it; pure but for the reader's way of writing times. */

import { ageText } from "../../format/instants";
import { intervalOf } from "../../format/intervals";
import { moneyText } from "../../format/money";
import { sizeText } from "../../format/sizes";
import { t } from "../../messages";
import type { Backup } from "../../queries/backups";
import type { Instance } from "../../queries/instances";
import type { InvoiceSummary } from "../../queries/invoices";
import type { Quota } from "../../queries/quota";
import { commandOf } from "../backup/command";
import type { Matter } from "./matters";

const words = t.home.matters;

export type Step = { to: string; label: string } | { command: string; what: string };
export interface Said {
  title: string;
  text: string | null;
  step: Step;
}

export function saidOf(matter: Matter, now: number): Said {
  switch (matter.kind) {
    case "password": {
      const { backup_name, cloud, expires_at, restore_id } = matter.restore;
      return {
        title: words.password.title(backup_name),
        text: words.password.text(cloud?.instance_name ?? backup_name, expires_at && ageText(expires_at, now)),
        step: { to: `/restores/${restore_id}`, label: words.password.link },
      };
    }
    case "damaged":
    case "overdue":
    case "empty":
    case "deleting":
      return ofBackup(matter.kind, matter.backup, now);
    case "suspended":
    case "restricted":
    case "reminded":
      return {
        title: t.billing.arrears[matter.kind]?.title ?? "",
        text: t.billing.arrears[matter.kind]?.text ?? null,
        step: toPay(matter.invoices),
      };
    case "full":
    case "nearlyFull":
      return ofQuota(matter.kind, matter.quota);
    case "errored":
    case "restoreError":
    case "activation":
      return ofInstance(matter.kind, matter.instance);
    case "name":
      return { title: words.name.title, text: words.name.text, step: { to: "/account", label: words.name.link } };
  }
}

function ofBackup(kind: "damaged" | "overdue" | "empty" | "deleting", backup: Backup, now: number): Said {
  const { name, backup_id, latest_snapshot_at, usual_interval_seconds, created_at, delete_due_at } = backup;
  const see = { to: `/backups/${backup_id}`, label: kind === "deleting" ? words.deleting.link : words.seeBackup };
  const command = commandOf(backup);
  const step = command === null ? see : { command, what: words.command(name) };
  const age = latest_snapshot_at && ageText(latest_snapshot_at, now);
  switch (kind) {
    case "damaged":
      return { title: words.damaged.title(name), text: words.damaged.text(age), step };
    case "overdue": {
      const every = usual_interval_seconds === null ? null : t.home.every(intervalOf(usual_interval_seconds));
      const made = words.overdue.made(age ?? "", every);
      const todo = command === null ? words.overdue.device : words.overdue.machine;
      return { title: words.overdue.title(name), text: `${made} ${todo}`, step };
    }
    case "empty":
      return { title: words.empty.title(name), text: words.empty.text(ageText(created_at, now)), step };
    case "deleting":
      return {
        title: words.deleting.title(name),
        text: delete_due_at && words.deleting.text(ageText(delete_due_at, now)),
        step: see,
      };
  }
}

function ofQuota(kind: "full" | "nearlyFull", quota: Quota): Said {
  const { has_payment_method, limit_bytes, allowance_bytes, left_bytes } = quota;
  const step = has_payment_method
    ? { to: "/billing", label: words.raise }
    : { to: "/billing/payment", label: words.addMethod };
  if (kind === "nearlyFull") {
    return { title: words.nearlyFull.title, text: words.nearlyFull.text(sizeText(left_bytes)), step };
  }
  const text = has_payment_method
    ? words.full.limit(sizeText(limit_bytes))
    : words.full.free(sizeText(allowance_bytes));
  return { title: words.full.title, text, step };
}

function ofInstance(kind: "errored" | "restoreError" | "activation", instance: Instance): Said {
  const { name, instance_id, reason } = instance;
  return {
    title: words[kind].title(name),
    text: kind === "activation" ? words.activation.text : reason,
    step: { to: `/instances/${instance_id}`, label: words[kind].link },
  };
}

function toPay(invoices: readonly InvoiceSummary[]): Step {
  const open = invoices.filter(({ due }) => due.amount_minor > 0);
  const [only] = open;
  if (open.length !== 1 || !only) return { to: "/billing/invoices", label: words.arrears.see };
  return { to: `/billing/invoices/${only.number ?? only.invoice_id}`, label: words.arrears.pay(moneyText(only.due)) };
}
