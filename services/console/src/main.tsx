// First, for it takes the secret of a sign-in link out of the address before the router reads that.
import "./api/sign-in-link";
import "@mantine/core/styles.css";
import "./styles.css";
import { setNonce } from "get-nonce";
import { createRoot } from "react-dom/client";
import { resume } from "./api/session";
import { App } from "./app";

// The page's own styles are let through by a number that the edge makes for each answer.
const nonce = document.querySelector<HTMLMetaElement>("meta[name=csp-nonce]")?.content ?? "";
setNonce(nonce);

// Asked before the first page is drawn; what goes wrong is shown by the page that needs it.
resume().catch(() => {});

// A page that the browser kept whole may be of somebody who signed out since.
window.addEventListener("pageshow", ({ persisted }) => {
  if (persisted) location.reload();
});

const root = document.getElementById("root");
if (root) createRoot(root).render(<App nonce={nonce} />);
