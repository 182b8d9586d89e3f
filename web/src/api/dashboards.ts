import { request } from "./client";

export interface DashboardHit {
  uid: string;
  title: string;
  url: string;
  tags: string[];
}

interface DashboardAnswer {
  meta: { provisioned?: boolean; slug?: string };
  dashboard: unknown;
}

interface SaveAnswer {
  uid: string;
  url: string;
}

export const searchDashboards = (signal?: AbortSignal) => request<DashboardHit[]>("/api/search?type=dash-db&limit=1000", { signal });

export const getDashboard = (uid: string, signal?: AbortSignal) =>
  request<DashboardAnswer>(`/api/dashboards/uid/${encodeURIComponent(uid)}`, { signal });

/** Sends the text as pasted, comments and all: the server keeps and reads it itself. */
export const importDashboard = (dashboardText: string, overwrite: boolean) =>
  request<SaveAnswer>("/api/dashboards/db", { method: "POST", json: { dashboardText, overwrite } });

export const deleteDashboard = (uid: string) => request<unknown>(`/api/dashboards/uid/${encodeURIComponent(uid)}`, { method: "DELETE" });
