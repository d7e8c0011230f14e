export const restores = {
  title: "Restores",
  subtitle: "What is being restored, to the cloud or to machines of yours, and what was.",
  running: "Going on",
  past: "Past",
  columns: {
    backup: "Backup",
    state: "State",
    target: "To",
    progress: "Progress",
    began: "Begun",
    ended: "Ended",
    restored: "Restored",
  },
  local: "A machine of yours",
  percent: (percent: string) => percent,
  noneRunning: "Nothing is being restored just now.",
  nonePast: "Nothing was restored yet.",
  empty: {
    title: "Nothing was restored yet",
    text: "A backup can be restored to a new instance in the cloud, or to a machine of your own. Choose one of your backups to begin.",
    choose: "Choose a backup",
  },
};
