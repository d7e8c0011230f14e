import { account } from "./en/account";
import { backup } from "./en/backup";
import { backups } from "./en/backups";
import { billing } from "./en/billing";
import { card } from "./en/card";
import { home } from "./en/home";
import { instances } from "./en/instances";
import { invoices } from "./en/invoices";
import { password } from "./en/password";
import { payment } from "./en/payment";
import { restore } from "./en/restore";
import { restoreLive } from "./en/restore-live";
import { restoreLocal } from "./en/restore-local";
import { restores } from "./en/restores";
import { shell } from "./en/shell";
import { signIn } from "./en/sign-in";
import { usage } from "./en/usage";

export const en = {
  account,
  backup,
  backups,
  billing,
  card,
  home,
  instances,
  invoices,
  password,
  payment,
  restore,
  restoreLive,
  restoreLocal,
  restores,
  shell,
  signIn,
  usage,
};
