import { Center, Loader } from "@mantine/core";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { lazy, Suspense, useEffect } from "react";
import { ApiError, SESSION_ENDED } from "./api/client";
import { getUser } from "./api/session";
import { ErrorBoundary } from "./components/ErrorBoundary";
import { Message } from "./components/Message";
import { Shell } from "./components/Shell";
import { DashboardListPage } from "./pages/DashboardListPage";
import { DashboardPage } from "./pages/DashboardPage";
import { LoginPage } from "./pages/LoginPage";
import { TargetsPage } from "./pages/TargetsPage";
import { navigate, usePlace } from "./router";

const ExplorePage = lazy(() => import("./pages/ExplorePage"));

const waiting = (
  <Center h="60vh">
    <Loader size="sm" aria-label="Loading" />
  </Center>
);

function Page({ path }: { path: string }) {
  const board = /^\/d\/([^/]+)/.exec(path)?.[1];
  if (board) return <DashboardPage key={board} uid={decodeURIComponent(board)} />;
  if (path === "/" || path === "/dashboards") return <DashboardListPage />;
  if (path === "/targets") return <TargetsPage />;
  if (path === "/explore") return <ExplorePage />;
  return <Message icon="question" title="There is no such page" text={path} />;
}

/** Sends people to the login page when their session ends, and back to where they were afterwards. */
function useSessionEnd() {
  const client = useQueryClient();
  useEffect(() => {
    const leave = () => {
      if (window.location.pathname === "/login") return;
      const from = window.location.pathname + window.location.search;
      client.clear();
      navigate(`/login?redirect=${encodeURIComponent(from)}`, true);
    };
    window.addEventListener(SESSION_ENDED, leave);
    return () => window.removeEventListener(SESSION_ENDED, leave);
  }, [client]);
}

function Inside({ path }: { path: string }) {
  const user = useQuery({ queryKey: ["user"], queryFn: ({ signal }) => getUser(signal), staleTime: Infinity });
  if (user.error && !(user.error instanceof ApiError && user.error.status === 401)) {
    return <Message icon="warning" title="Slurmscope cannot be reached" text={user.error.message} />;
  }
  if (!user.data) return waiting;
  return (
    <Shell user={user.data}>
      <ErrorBoundary key={path}>
        <Suspense fallback={waiting}>
          <Page path={path} />
        </Suspense>
      </ErrorBoundary>
    </Shell>
  );
}

export function App() {
  const { path } = usePlace();
  useSessionEnd();
  return path === "/login" ? <LoginPage /> : <Inside path={path} />;
}
