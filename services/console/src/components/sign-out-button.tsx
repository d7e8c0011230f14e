import { Button, type ButtonProps } from "@mantine/core";
import { useMutation } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { signOut } from "../api/session";
import { ProblemNote } from "./problem-note";

/** Ends the session of this browser; where it cannot, it says why and one stays signed in. */
export function SignOutButton({ children, ...looks }: ButtonProps & { children: ReactNode }) {
  const leaving = useMutation({ mutationFn: signOut });
  return (
    <>
      <Button {...looks} loading={leaving.isPending} onClick={() => leaving.mutate()}>
        {children}
      </Button>
      {leaving.isError && <ProblemNote error={leaving.error} />}
    </>
  );
}
