import { request } from "./client";

export interface User {
  login: string;
  role: string;
}

export const getUser = (signal?: AbortSignal) => request<User>("/api/user", { signal });

export const login = (user: string, password: string) =>
  request<{ message: string }>("/login", { method: "POST", json: { user, password }, expect401: true });

export const logout = () => request<unknown>("/logout", { method: "POST", expect401: true });
