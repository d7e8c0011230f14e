import { infiniteQueryOptions, queryOptions, useMutation, useQueryClient } from "@tanstack/react-query";
import { answerOf, provisioning } from "../api/client";
import type { components } from "../api/generated/provisioning";
import { POLL_MS } from "./client";

export type Instance = components["schemas"]["InstanceRead"];
export type InstanceStatus = components["schemas"]["Status"];
export type LogLine = components["schemas"]["LogLineRead"];
export type InstanceAction = "restart" | "stop" | "start" | "return";

const CHANGING_MS = 2_000;

/** Those that live, or those that are over, newest first. */
export function instancesQuery(live: boolean) {
  return infiniteQueryOptions({
    queryKey: ["provisioning", "instances", "list", live],
    queryFn: ({ signal, pageParam }) =>
      answerOf(
        provisioning.GET("/api/v1/instances", { params: { query: { live, limit: 50, cursor: pageParam } }, signal }),
      ),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next_cursor,
    refetchInterval: live ? POLL_MS : POLL_MS * 4,
  });
}

/** One instance; asked for again soon while it is on its way to another status. */
export function instanceQuery(instanceId: string) {
  return queryOptions({
    queryKey: ["provisioning", "instances", "one", instanceId],
    queryFn: ({ signal }) =>
      answerOf(
        provisioning.GET("/api/v1/instances/{instance_id}", { params: { path: { instance_id: instanceId } }, signal }),
      ),
    refetchInterval: ({ state }) => (state.data && CHANGING.has(state.data.status) ? CHANGING_MS : POLL_MS),
  });
}

const CHANGING: ReadonlySet<InstanceStatus> = new Set([
  "queuing",
  "fetching",
  "pending",
  "installing",
  "restoring",
  "stopping",
  "starting",
  "restarting",
  "destroying",
]);

export function useInstanceAction(instanceId: string) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (action: InstanceAction) => {
      const options = { params: { path: { instance_id: instanceId } } };
      return answerOf(provisioning.POST(`/api/v1/instances/{instance_id}/${action}`, options));
    },
    onSuccess: (instance) => {
      client.setQueryData(instanceQuery(instanceId).queryKey, instance);
      void client.invalidateQueries({ queryKey: ["provisioning", "instances", "list"] });
      void client.invalidateQueries({ queryKey: ["billing"] });
    },
  });
}

/** A link to the instance's own page: works once, for a minute, for whoever has it. */
export async function pageLink(instanceId: string): Promise<string> {
  const params = { path: { instance_id: instanceId } };
  return (await answerOf(provisioning.POST("/api/v1/instances/{instance_id}/links", { params }))).url;
}
