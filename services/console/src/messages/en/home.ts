import type { Interval } from "../../format/intervals";

const backupsNeed = (count: number) => (count === 1 ? "1 backup needs you" : `${count} backups need you`);

export const home = {
  title: "Home",
  verdict: {
    label: "How it stands",
    safe: (age: string) => `Everything is backed up: newest snapshot ${age}`,
    needs: (backups: number, others: number) => {
      if (others === 0) return backupsNeed(backups);
      if (backups === 0) return others === 1 ? "1 thing needs you" : `${others} things need you`;
      return `${backupsNeed(backups)}, and ${others === 1 ? "1 other thing" : `${others} other things`}`;
    },
    waiting: (count: number) =>
      count === 1
        ? "The first snapshot of 1 backup is on its way"
        : `The first snapshots of ${count} backups are on their way`,
    newest: (age: string) => `Newest snapshot ${age}.`,
    ended: "What you have here is kept, and nothing is added to it",
    nothing: "Nothing is backed up yet",
    unknown: "How your backups stand cannot be said just now",
    unknownText: "It is asked again by itself. What you have backed up is not affected.",
    asOf: (time: string) => `As of ${time}: since then no answer came. It is asked again by itself.`,
  },
  matters: {
    title: "What needs you",
    more: (count: number) => `Show ${count} more`,
    levels: { urgent: "Urgent", soon: "Soon", note: "To know" },
    seeBackup: "See the backup",
    command: (backup: string) => `command that backs up ${backup}`,
    password: {
      title: (backup: string) => `The restore of ${backup} waits for its password`,
      text: (instance: string, until: string | null) =>
        until === null
          ? `${instance} cannot go on without it.`
          : `${instance} cannot go on without it. The restore is given up ${until}.`,
      link: "Enter the password",
    },
    damaged: {
      title: (backup: string) => `The newest snapshot of ${backup} is damaged`,
      text: (age: string | null) =>
        age === null
          ? "There is no good one yet. Back up again, and tell who runs this Space."
          : `The last good one was made ${age}. Back up again, and tell who runs this Space.`,
    },
    overdue: {
      title: (backup: string) => `${backup} is overdue`,
      made: (age: string, every: string | null) =>
        every === null
          ? `Its latest snapshot was made ${age}.`
          : `Its latest snapshot was made ${age}; usually there is one ${every}.`,
      machine: "See whether its machine is on and reaches this Space, then back up again:",
      device:
        "See whether the Olares device is on and reaches this Space, then back up there from Settings, under Backup.",
    },
    empty: {
      title: (backup: string) => `${backup} has no snapshot yet`,
      text: (age: string) => `It was added ${age}, and nothing of it can be restored before the first one.`,
    },
    deleting: {
      title: (backup: string) => `${backup} will be deleted`,
      text: (age: string) => `All its snapshots go ${age}. Until then you can undo it.`,
      link: "See it, or undo",
    },
    arrears: { pay: (due: string) => `Pay ${due}`, see: "See your invoices" },
    full: {
      title: "Your storage is full: backups have stopped",
      limit: (size: string) => `${size} is what your spend limit allows. Nothing is deleted; restoring stays open.`,
      free: (size: string) => `The free ${size} are used. Nothing is deleted; restoring stays open.`,
    },
    nearlyFull: {
      title: "Your storage is nearly full",
      text: (left: string) => `${left} are left. Then backups stop, until there is more.`,
    },
    raise: "Change the spend limit",
    addMethod: "Add a payment method",
    errored: { title: (name: string) => `${name} does not answer`, link: "See its log" },
    restoreError: { title: (name: string) => `The backup could not be brought onto ${name}`, link: "See why" },
    activation: {
      title: (name: string) => `${name} is ready`,
      text: "It waits for you to activate it.",
      link: "See the instance",
    },
    name: {
      title: "You have no Olares name here yet",
      text: "Give yours, and your invoices and instances can carry it. It can be given once.",
      link: "Give your Olares name",
    },
  },
  terminus: {
    none: "Without a Terminus",
    label: (name: string) => `Backups of ${name}`,
    sum: (count: number, size: string) => (count === 1 ? `1 backup, ${size}` : `${count} backups, ${size}`),
    empty: "Nothing of it is backed up yet. On the device: Settings, under Backup.",
    latest: "Latest snapshot",
    never: "None yet",
    usually: (every: string) => `usually ${every}`,
    all: (count: number) => `See all ${count}`,
  },
  storage: {
    title: "Storage",
    label: "Kept in all your backups",
    spent: (spent: string, limit: string) =>
      `For what is beyond the free storage: ${spent} of at most ${limit} a month.`,
    stops: (size: string) => `Backups stop at ${size}.`,
    link: "See your usage",
  },
  restores: {
    title: "Restores going on",
    progress: (backup: string) => `Restore of ${backup}`,
    all: "See all restores",
  },
  instances: { title: "Instances", all: "See all instances" },
  every: ({ count, unit }: Interval) => (count === 1 ? `every ${unit}` : `every ${count} ${unit}s`),
  part: {
    failed: {
      backups: "Your backups cannot be shown just now.",
      storage: "Your storage cannot be shown just now.",
      restores: "Your restores cannot be shown just now.",
      instances: "Your instances cannot be shown just now.",
    },
    again: "Nothing of yours is affected by that. It is asked again by itself.",
    old: (time: string) => `As of ${time}. It is asked again by itself.`,
  },
};
