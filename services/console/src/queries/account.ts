/** Who signs in as this owner, and by what: sessions, devices, API tokens, and the owner's name. */
import { infiniteQueryOptions, useMutation, useQueryClient } from "@tanstack/react-query";
import { answerOf, identity } from "../api/client";
import type { components } from "../api/generated/identity";
import { renewOwner } from "../api/session";
import { POLL_MS } from "./client";

export type Session = components["schemas"]["SessionRead"];
export type Device = components["schemas"]["DeviceRead"];
export type ApiToken = components["schemas"]["TokenRead"];
export type NewToken = components["schemas"]["TokenCreate"];
export type Scope = components["schemas"]["Scope"];

const PAGE = 50;

/** The live ones, the one used last first. */
export const sessionsQuery = infiniteQueryOptions({
  queryKey: ["identity", "sessions"],
  queryFn: ({ signal, pageParam }) =>
    answerOf(identity.GET("/api/v1/me/sessions", { params: { query: { limit: PAGE, cursor: pageParam } }, signal })),
  initialPageParam: null as string | null,
  getNextPageParam: (page) => page.next_cursor,
  refetchInterval: POLL_MS,
});

/** The keys that may sign in as this owner. */
export const devicesQuery = infiniteQueryOptions({
  queryKey: ["identity", "devices"],
  queryFn: ({ signal, pageParam }) =>
    answerOf(identity.GET("/api/v1/me/devices", { params: { query: { limit: PAGE, cursor: pageParam } }, signal })),
  initialPageParam: null as string | null,
  getNextPageParam: (page) => page.next_cursor,
  refetchInterval: POLL_MS,
});

export const tokensQuery = infiniteQueryOptions({
  queryKey: ["identity", "tokens"],
  queryFn: ({ signal, pageParam }) =>
    answerOf(identity.GET("/api/v1/tokens", { params: { query: { limit: PAGE, cursor: pageParam } }, signal })),
  initialPageParam: null as string | null,
  getNextPageParam: (page) => page.next_cursor,
  refetchInterval: POLL_MS * 4,
});

export function useEndSession() {
  const stale = useStale();
  return useMutation({
    mutationFn: (sessionId: string) =>
      answerOf(identity.DELETE("/api/v1/me/sessions/{session_id}", { params: { path: { session_id: sessionId } } })),
    onSuccess: stale,
  });
}

export function useRemoveDevice() {
  const stale = useStale();
  return useMutation({
    mutationFn: (deviceId: string) =>
      answerOf(identity.DELETE("/api/v1/me/devices/{device_id}", { params: { path: { device_id: deviceId } } })),
    onSuccess: stale,
  });
}

/** Its answer holds the token, which nobody is told again. */
export function useCreateToken() {
  const stale = useStale();
  return useMutation({
    mutationFn: ({ wish, key }: { wish: NewToken; key: string }) =>
      answerOf(identity.POST("/api/v1/tokens", { params: { header: { "idempotency-key": key } }, body: wish })),
    onSuccess: stale,
    // Its secret is in the answer: not to be found here after the page is left.
    gcTime: 0,
  });
}

export function useRevokeToken() {
  const stale = useStale();
  return useMutation({
    mutationFn: (tokenId: string) =>
      answerOf(identity.DELETE("/api/v1/tokens/{token_id}", { params: { path: { token_id: tokenId } } })),
    onSuccess: stale,
  });
}

/** Replace a provisional name, once. */
export function useSettleName() {
  return useMutation({
    mutationFn: (name: string) => answerOf(identity.PUT("/api/v1/me/olares-name", { body: { olares_name: name } })),
    onSuccess: renewOwner,
  });
}

function useStale() {
  const client = useQueryClient();
  return () => void client.invalidateQueries({ queryKey: ["identity"] });
}
