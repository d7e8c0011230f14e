import { useEffect, useState } from "react";

/** For what is there only while it is open: the focus goes back to where it was, or to the page's heading. */
export function useReturnedFocus(): void {
  const [before] = useState(() => document.activeElement);
  useEffect(
    () => () => {
      const place = before?.isConnected && before !== document.body ? before : document.querySelector("h1");
      if (place instanceof HTMLElement) place.focus({ preventScroll: true });
    },
    [before],
  );
}
