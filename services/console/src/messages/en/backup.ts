export const backup = {
  title: "Backup",
  toCloud: "Restore to Cloud",
  toLocal: "Restore to Local",
  of: (terminus: string, source: string) => `${terminus}, ${source}`,
  facts: {
    label: "At a glance",
    storage: "Storage used",
    latest: "Latest snapshot",
    snapshots: "Snapshots",
    created: "Created",
    measured: (age: string) => `measured ${age}`,
    unmeasured: "not measured yet",
    none: "None yet",
  },
  notes: {
    overdue: {
      title: "The next snapshot is overdue",
      text: (age: string) =>
        `The latest one was made ${age}, which is long by this backup's own habit. See whether its machine is on and reaches this Space, then back up again:`,
      device: (age: string) =>
        `The latest one was made ${age}, which is long by this backup's own habit. See whether the Olares device is on and reaches this Space, then back up there from Settings, under Backup.`,
      command: "backup command",
    },
    stopped: {
      title: "The Olares device has given this backup up",
      text: "No more snapshots are expected. What is here stays, and can be restored, until you delete it.",
    },
    empty: {
      title: "There is no snapshot yet",
      text: "Nothing can be restored before the first one. It appears here by itself, within a minute of its upload. To make it:",
      device:
        "Nothing can be restored before the first one. It appears here by itself once the Olares device has made it.",
    },
    deleting: {
      title: "This backup will be deleted",
      text: (when: string, age: string) =>
        `Its snapshots and all their data go on ${when}, ${age}. Until then you can undo this, and still restore.`,
      undo: "Undo the deletion",
    },
    removing: {
      title: "This backup is being removed",
      text: "Its data is going. Nothing of it can be restored any more.",
    },
    deleted: {
      title: "This backup was deleted",
      text: "Its data is gone. What you see is its history.",
    },
    damaged: {
      title: (count: number) => (count === 1 ? "A snapshot is damaged" : `${count} snapshots are damaged`),
      text: (times: string) =>
        `What the store has of it is not what was uploaded (${times}). It is not listed and cannot be restored. Back up again, and tell who runs this Space.`,
    },
  },
  usage: {
    title: "Storage used since creation",
    chart: (name: string, now: string) => `Storage used by ${name} since it was created; now ${now}`,
    none: "Nothing has been measured yet. The store is measured after each snapshot, and at least once a day.",
    table: "Show as a table",
    at: "From",
    storage: "Storage used",
    objects: "Objects",
  },
  snapshots: {
    title: "Snapshots",
    label: "Snapshots that can be restored",
    time: "Time",
    latest: "Latest",
    holds: "Size",
    added: "Added",
    kind: "Kind",
    kinds: { full: "Full", incremental: "Incremental" },
    version: "Version",
    restore: "Restore",
    restoreOf: (time: string) => `Restore the snapshot of ${time}`,
    none: "None yet.",
    pending: (count: number) =>
      count === 1
        ? "A new snapshot was reported. It is listed as soon as the store has it."
        : `${count} new snapshots were reported. They are listed as soon as the store has them.`,
    note: "Size is what the device said its files came to; a dash where nobody said.",
  },
  remove: {
    title: "Delete this backup",
    text: "Deletes all its snapshots. For a while it can be undone.",
    button: "Delete",
    ask: (name: string) => `Delete ${name}?`,
    empty: "It has no snapshot yet; what was uploaded for one goes.",
    what: (snapshots: number, size: string) =>
      `${snapshots === 1 ? "Its one snapshot" : `All ${snapshots} snapshots`} and ${size} of data go, and cannot be restored afterwards.`,
    grace:
      "For now it is only scheduled: you will see until when it can be undone. No backup is added to it meanwhile.",
    confirm: "Delete",
  },
};
