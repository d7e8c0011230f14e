export const password = {
  label: "Backup password",
  hint: "The one that was chosen for this backup. It is checked in this browser and never sent in the clear.",
  show: "Show or hide the password",
  kept: "Checked already; type to change it",
  checking: "Checking the password in this browser…",
  right: "The password is right. It stays in this tab's memory, sealed only for your instance.",
  unchecked: "It cannot be checked here. Your instance will check it before anything is restored.",
  failed: "The password could not be checked",
  empty: "Enter the backup password.",
  wrong: "This password is wrong. Look at capital letters and the layout of the keyboard, then try again.",
  long: "A password of more than 4,096 bytes cannot be sent to an instance. Restore to a machine of your own instead.",
};
