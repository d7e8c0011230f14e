import type { components } from "../../api/generated/billing";

type Standing = components["schemas"]["Standing"];

/** What is in arrears, by how far; null where all is in order. */
const arrears: Record<Standing, { title: string; text: string } | null> = {
  current: null,
  reminded: {
    title: "A payment did not go through",
    text: "It is tried again by itself. Nothing is limited yet; you can also pay it now, with another card if you like.",
  },
  restricted: {
    title: "A bill is not paid: backups above the free storage are stopped",
    text: "Pay it and backups go on at once. Nothing is deleted: reading, restoring and deleting stay open.",
  },
  suspended: {
    title: "A bill is not paid, and is not tried again by itself",
    text: "Backups above the free storage are stopped until you pay it. Nothing is deleted: reading, restoring and deleting stay open.",
  },
};

export const billing = {
  title: "Billing",
  navigation: "Billing",
  places: { overview: "Overview", invoices: "Invoices", payment: "Payment" },
  arrears,
  arrearsOpen: (due: string) => `Pay ${due}`,
  arrearsInvoice: (due: string, name: string) => `Pay ${due}, invoice ${name}`,
  arrearsAll: "See your invoices",
  month: {
    title: "This month so far",
    period: (from: string, to: string) => `${from} to ${to}`,
    none: "Nothing was used yet, so nothing is charged.",
    soFar: "So far",
    forecast: "Next invoice, if nothing changes",
    expected: (amount: string, day: string) =>
      `If everything stays as it is, the invoice of ${day} will be ${amount} before tax.`,
    renews: "Your instances' next month is in it.",
    storage: "Backup storage beyond the free",
    instances: "Instances, beyond what is included",
    adjustments: "Corrections of earlier months",
  },
  storage: {
    title: "Backup storage",
    label: "Kept in all your backups",
    terminus: (count: number) => `The free storage is for ${count} Terminus together.`,
    reserved: (size: string) => `${size} more are set aside for backups that run now.`,
    charged: (gbHours: string) => `${gbHours} GB-hours beyond the free storage so far this month.`,
  },
  limit: {
    title: "Spend limit",
    of: (spent: string, limit: string) => `${spent} of at most ${limit} a month`,
    bar: "Spent of the limit",
    means: (size: string) =>
      `Backup storage beyond the free may cost you so much a month, not more. At the limit, which is reached with ${size}, uploads stop. Nothing is deleted: reading, restoring and deleting stay open.`,
    stopped: (free: string) =>
      `Backup storage beyond the free may cost you so much a month, not more. While a bill is not paid, uploads stop at the free ${free} whatever the limit is.`,
    instances: "Instances and their traffic are not part of it.",
    change: "Change",
    none: (free: string) =>
      `Nothing can be charged: you have no payment method. Uploads stop at the free ${free}; nothing is deleted.`,
    add: "Add a payment method",
    dialog: "Change the spend limit",
    amount: (currency: string) => `At most a month, in ${currency}`,
    amountHint: "0 stops uploads at the free storage.",
    amountWrong: "Give an amount such as 20 or 12.50.",
    save: "Save",
  },
  byBackup: {
    title: "By backup",
    backup: "Backup",
    unnamed: "A deleted backup",
    share: "Share",
    hours: "GB-hours",
    charge: "Charge",
    none: "No backup has used storage this month.",
    hint: "A GB-hour is 1 GB, kept for an hour. What is beyond the free storage is shared out by what each backup keeps.",
  },
  byInstance: {
    title: "By instance",
    instance: "Instance",
    traffic: "Traffic",
    storage: "Storage",
    charge: "Beyond what is included",
    of: (used: string, included: string) => `${used} of ${included}`,
  },
  byDay: {
    title: "By day",
    show: "Show",
    spans: { month: "This month", "30": "30 days", "90": "90 days" },
    chart: (last: string) => `Backup storage by day, now ${last}. The numbers are below.`,
    freeLine: (size: string) => `Free: ${size}`,
    table: "Show the numbers",
    hide: "Hide the numbers",
    day: "Day (UTC)",
    average: "Average",
    peak: "Most",
    hours: "GB-hours charged",
    charge: "Charge",
    none: "No days yet.",
  },
};
