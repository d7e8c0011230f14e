import { expect, test } from "vitest";
import type { InvoiceSummary } from "../../queries/invoices";
import { backup, NOW, quota } from "./examples";
import { saidOf } from "./said";

function invoice(number: string, due: number): InvoiceSummary {
  return { invoice_id: number, number, due: { amount_minor: due, currency: "USD" } } as InvoiceSummary;
}

test("one open invoice is paid at once, of several one chooses", () => {
  const [one, two, paid] = [invoice("SP-1", 100), invoice("SP-2", 100), invoice("SP-3", 0)] as const;
  expect(saidOf({ kind: "reminded", invoices: [one, paid] }, NOW).step).toMatchObject({ to: "/billing/invoices/SP-1" });
  expect(saidOf({ kind: "reminded", invoices: [one, two] }, NOW).step).toMatchObject({ to: "/billing/invoices" });
  expect(saidOf({ kind: "reminded", invoices: [] }, NOW).step).toMatchObject({ to: "/billing/invoices" });
});

test("what a machine backs up is backed up by a command, what a device does is looked at", () => {
  const late = { kind: "overdue", backup: backup({ overdue: true }) } as const;
  expect(saidOf(late, NOW).step).toMatchObject({ command: "space backup /home/alice/photos --name photos" });
  const ofDevice = { kind: "overdue", backup: backup({ overdue: true, device_backup_id: "one" }) } as const;
  expect(saidOf(ofDevice, NOW).step).toMatchObject({ to: "/backups/photos" });
});

test("more storage takes a payment method first", () => {
  expect(saidOf({ kind: "full", quota: quota() }, NOW).step).toMatchObject({ to: "/billing/payment" });
  expect(saidOf({ kind: "full", quota: quota({ has_payment_method: true }) }, NOW).step).toMatchObject({
    to: "/billing",
  });
});
