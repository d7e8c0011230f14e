import { MantineProvider } from "@mantine/core";
import { QueryClientProvider } from "@tanstack/react-query";
import { RouterProvider } from "react-router/dom";
import { Insecure } from "./components/insecure";
import { queryClient } from "./queries/client";
import { router } from "./routes";
import { theme } from "./theme";

export function App({ nonce }: { nonce: string }) {
  return (
    <MantineProvider theme={theme} defaultColorScheme="auto" getStyleNonce={() => nonce}>
      <QueryClientProvider client={queryClient}>
        {isSecureContext ? <RouterProvider router={router} /> : <Insecure />}
      </QueryClientProvider>
    </MantineProvider>
  );
}
