import "@mantine/core/styles.css";
// Here and not beside the chart: Vite 8 does not load CSS of a chunk that is imported conditionally.
import "uplot/dist/uPlot.min.css";
import "./styles.css";
import { MantineProvider } from "@mantine/core";
import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { setNonce } from "get-nonce";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { ApiError } from "./api/client";
import { App } from "./App";
import { styleNonce, theme } from "./theme";

// Dialogs lock the page's scrolling by a style of their own, which asks here for the nonce.
setNonce(styleNonce());

const client = new QueryClient({
  defaultOptions: {
    queries: {
      refetchOnWindowFocus: false,
      // An answer of the server is an answer; only an unreachable server is asked again.
      retry: (count, error) => error instanceof ApiError && error.status === 0 && count < 2,
    },
  },
});

const root = document.getElementById("root");
if (root) {
  createRoot(root).render(
    <StrictMode>
      <MantineProvider theme={theme} defaultColorScheme="auto" getStyleNonce={styleNonce}>
        <QueryClientProvider client={client}>
          <App />
        </QueryClientProvider>
      </MantineProvider>
    </StrictMode>,
  );
}
