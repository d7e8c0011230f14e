import { createBrowserRouter } from "react-router";
import { Crash } from "./components/crash";
import { PageCrash } from "./components/page-crash";
import { Shell } from "./components/shell";
import { SignedIn } from "./components/signed-in";

/** Every page is a chunk of its own, loaded when it is first opened. */
export const router = createBrowserRouter([
  {
    ErrorBoundary: Crash,
    HydrateFallback: () => null,
    children: [
      { path: "/sign-in", lazy: () => import("./pages/sign-in/page") },
      {
        Component: SignedIn,
        children: [
          {
            Component: Shell,
            children: [
              {
                ErrorBoundary: PageCrash,
                children: [
                  { index: true, lazy: () => import("./pages/home/page") },
                  { path: "/backups", lazy: () => import("./pages/backups/page") },
                  { path: "/backups/:backupId", lazy: () => import("./pages/backup/page") },
                  { path: "/backups/:backupId/restore-to-cloud", lazy: () => import("./pages/restore/page") },
                  { path: "/backups/:backupId/restore-to-local", lazy: () => import("./pages/restore-local/page") },
                  { path: "/restores", lazy: () => import("./pages/restores/page") },
                  { path: "/restores/:restoreId", lazy: () => import("./pages/restore-live/page") },
                  { path: "/instances", lazy: () => import("./pages/instances/page") },
                  { path: "/instances/:instanceId", lazy: () => import("./pages/instance/page") },
                  { path: "/billing", lazy: () => import("./pages/billing/page") },
                  { path: "/billing/invoices", lazy: () => import("./pages/invoices/page") },
                  { path: "/billing/invoices/:name", lazy: () => import("./pages/invoice/page") },
                  { path: "/billing/payment", lazy: () => import("./pages/payment/page") },
                  { path: "/account", lazy: () => import("./pages/account/page") },
                  { path: "*", lazy: () => import("./pages/not-found/page") },
                ],
              },
            ],
          },
        ],
      },
    ],
  },
]);
