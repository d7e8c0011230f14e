export const restoreLive = {
  title: "Restore",
  titleOf: (backup: string) => `Restore of ${backup}`,
  parent: "Restores",

  /** States: what a badge says, and a sentence that means the same. */
  states: {
    quoting: { name: "Being quoted", means: "The charges are being worked out." },
    quoted: { name: "Waits for your order", means: "The charges are known, and nothing is ordered or charged yet." },
    authorising: { name: "Payment", means: "The payment is being held; nothing is taken yet." },
    provisioning: { name: "Making the instance", means: "The instance is being made." },
    installing: { name: "Installing", means: "The instance starts and is being installed." },
    awaiting_password: { name: "Waits for the password", means: "The instance waits for the backup password." },
    verifying_password: { name: "Checking the password", means: "The instance checks the backup password." },
    restoring: { name: "Restoring", means: "The password is right, and the backup is being restored." },
    validating: { name: "Checking the files", means: "Everything is there; it is being checked and started." },
    capturing: { name: "Taking the payment", means: "The instance is ready; the payment is being taken." },
    undoing: { name: "Being undone", means: "The order is being undone." },
    needs_operator: { name: "Needs the operator", means: "The operator has to look at it." },
    completed: { name: "Done", means: "It is done." },
    failed: { name: "Failed", means: "The restore failed." },
    cancelled: { name: "Called off", means: "The restore was called off." },
    expired: { name: "Expired", means: "The restore has expired." },
    returned: { name: "Given up", means: "The restore was given up and its instance returned." },
    ready: { name: "Waits for the command", means: "It waits for its command to be run on your machine." },
    redeemed: { name: "Begun", means: "The command was run on your machine and has the keys to read the backup." },
    verifying: { name: "Checking the files", means: "Everything is there; the files are being checked." },
  },
  stalled: "No progress for two minutes. It goes on by itself once the instance is heard again.",

  facts: {
    title: "About it",
    backup: "Backup",
    snapshot: "Snapshot",
    size: "Size of its files",
    target: "To",
    local: "A machine of yours",
    terminus: "Terminus",
    instance: "Instance",
    place: (place: string, plan: string) => `${place}, ${plan}`,
    seeInstance: "See the instance",
    began: "Begun",
    ended: "Ended",
  },

  progress: {
    title: "Progress",
    label: "Restored",
    of: (done: string, total: string) => `${done} of ${total}`,
    files: (count: string) => (count === "1" ? "1 file" : `${count} files`),
    speed: (speed: string) => speed,
    left: (time: string) => `about ${time} left`,
    percent: (percent: string) => percent,
    soon: "The first figures come in a moment.",
  },

  timeline: {
    title: "What happened",
    empty: "Nothing yet.",
    lost: "The live view is interrupted. What is new is asked for every few seconds until it is back.",
    progress: (done: string, total: string) => `${done} of ${total} restored`,
    declined: "The payment did not go through, and nothing was charged",
    keysCloud: "The instance was given keys to read the backup",
    keysLocal: "The machine was given keys to read the backup",
    withReason: (sentence: string, reason: string) => `${sentence}: ${reason}`,
    payment: {
      asked: "The payment is asked for; it is held before anything is made",
      held: "The payment is held; nothing is taken yet",
      refused: "The payment was refused",
      void_asked: "What is held is to be let go",
      released: "What was held was let go",
      capture_asked: "The payment is to be taken",
      captured: "The payment was taken",
      billed: "The charge is on an invoice, which is paid without what was held",
    } as Readonly<Record<string, string>>,
    instance: {
      reserved: "An instance was reserved",
      wanted: "The instance was ordered from its provider",
      running: "The machine of the instance runs",
      enrolled: "The instance has reported for the first time",
      unwanted: "The instance is to be returned",
      gone: "The instance is gone",
    } as Readonly<Record<string, string>>,
    password: {
      first: "The instance asks for the backup password",
      wrong: "The backup password was wrong; the instance asks for it again",
      agent_restarted: "The instance was restarted and asks for the backup password again",
      agent_silent: "The instance was not heard for a while and asks for the backup password again",
    } as Readonly<Record<string, string>>,
  },

  quoted: {
    text: "Look at the charges, and order it or call it off.",
    go: "Go on with the order",
  },

  password: {
    title: "Backup password",
    early:
      "The instance will ask for the backup password. Enter it now and it is sent by itself; or come back when it asks.",
    kept: "This page has the password, and sends it as soon as the instance asks. Keep it open until then.",
    first: "Enter it, and it is sealed so that only this instance can open it.",
    wrong: (left: number) =>
      left === 1
        ? "The password was wrong on the instance. 1 attempt is left; after that the restore is given up."
        : `The password was wrong on the instance. ${left} attempts are left; after that the restore is given up.`,
    restarted: "The instance was restarted and has lost the password. Enter it again, and the restore goes on.",
    resent: "The instance was restarted, so this page sent the password to it again.",
    until: "It waits until",
    untilAfter: ". After that the restore is given up.",
    waiting: (time: string) => `The next attempt is possible in ${time}. It is sent then by itself.`,
    sending: "Sealing and sending the password…",
    sent: "The password was sent. The instance checks it.",
    failed: "The password was not sent",
    send: "Send the password",
    keep: "Keep it for the instance",
    forgot: "I forgot it",
  },

  cancel: {
    label: "Cancel the restore",
    title: (backup: string) => `Cancel the restore of ${backup}?`,
    cloud:
      "Its instance is returned if there is one, and what is held on your card is let go: nothing is charged. Your backup is kept.",
    local: "Its command stops and can be used no more. Files that were written stay. Your backup is kept.",
    confirm: "Cancel the restore",
    keep: "Keep it",
    copying: "Files are being written, so it is not cancelled any more. To end it, return its instance.",
    toInstance: "Go to the instance",
  },
  giveUp: {
    label: "Give up",
    title: (name: string) => `Give up and return ${name}?`,
    text: "Without the password nobody can restore this backup. The instance and everything on it is deleted. Your backup is kept, and can be restored whenever the password turns up.",
    confirm: "Give up and return it",
  },

  ends: {
    completed: (name: string) => `${name} is ready`,
    completedGone: (name: string) => `${name} was restored; its instance is gone since`,
    completedLocal: "The files are restored",
    completedText: (size: string, files: string | null) =>
      files === null
        ? `${size} restored and checked.`
        : `${size} in ${files === "1" ? "1 file" : `${files} files`} restored and checked.`,
    warnings: (count: number) =>
      count === 1
        ? "1 file could not be restored, or not entirely. The log says where it is listed."
        : `${count} files could not be restored, or not entirely. The log says where they are listed.`,
    address: "Address",
    paid: (amount: string) => `Paid: ${amount}.`,
    charged: (amount: string) => `Charged: ${amount}.`,
    invoice: "See the invoice",
    nothing: "Nothing was charged.",
    letGo: "What is held on your card is let go.",
    seeInvoices: "Your invoices say what was charged.",
    failed: "The restore failed",
    cancelled: "The restore was called off",
    expired: "The order was not confirmed or could not be paid in time, and is over",
    expiredLocal: "The command was not used in time, and is over",
    returned: "The restore was given up and its instance returned",
    returnedText: "Your backup is kept. With the right password it can be restored at any time.",
    needs_operator: "The operator has to look at this restore before it goes on",
    needsOperatorText: "Nothing is lost, and you need not do anything. This page shows when it goes on.",
    again: "Restore it again",
    next: {
      disk_full: "Order hardware with a larger disk.",
      snapshot_damaged: "Try another snapshot of the backup.",
      snapshot_not_restorable: "Try another snapshot of the backup.",
      offer_unavailable: "Order again with other hardware, or at another location or provider.",
    } as Readonly<Record<string, string>>,
  },
};
