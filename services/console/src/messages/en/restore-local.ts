export const restoreLocal = {
  title: "Restore to Local",
  subtitle: (name: string) => `Bring the files of ${name} back to a machine of yours.`,
  what: {
    title: "What is restored",
    backup: "Backup",
    terminus: "Terminus",
    taken: "Snapshot",
    size: "Size",
    path: "From",
    other: "Choose another snapshot",
  },
  guide: { title: "Restoration guide", command: "restore command" },
  ticket: {
    title: "Ticket",
    good: (age: string, time: string) =>
      `The command holds a ticket, good for one restore. It ends ${age}, on ${time}.`,
    again: "Make a new ticket",
    over: {
      title: "This ticket has ended",
      text: "It was not used in time, so its command does nothing any more. A new ticket takes a moment.",
    },
    cancelled: {
      title: "This restore was called off",
      text: "Its command does nothing any more. To restore after all, make a new ticket.",
    },
    working: {
      title: "The command is at work",
      text: "Follow it in its terminal or here; you may close this page.",
      follow: "Follow the restore",
    },
    failed: {
      title: "The restore has stopped",
      text: (reason: string | null) =>
        `${reason === null ? "" : `It said: ${reason}. `}Run the same command again on the same machine within 24 hours: it goes on from where it was.`,
    },
    completed: {
      title: "Restored",
      text: "All files are on your machine, and verified.",
      warnings: (count: number) =>
        count === 1
          ? "One file could not be restored entirely; the terminal names it."
          : `${count} files could not be restored entirely; the terminal names them.`,
    },
  },
  device: {
    title: "On an Olares device",
    text: "On a device that is connected to this Space, open Settings > Restore and paste this Backup Url. The device asks for the backup password and a folder. The Url holds no secret and needs no ticket.",
    what: "Backup Url",
  },
  plain: {
    title: "With restic alone",
    text: "The same without the space command, for a shell with curl, jq, openssl and restic. First give it the ticket:",
    ticket: "ticket for the shell",
    next: "Then:",
    commands: "commands for restic",
    variables: "What the variables hold",
  },
};
