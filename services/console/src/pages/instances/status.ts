/** An instance in words and colours. */
import type { Instance, InstanceStatus } from "../../queries/instances";

export type Mood = "good" | "busy" | "idle" | "bad" | "over";

const MOODS: Record<InstanceStatus, Mood> = {
  unpaid: "idle",
  queuing: "busy",
  fetching: "busy",
  pending: "busy",
  installing: "busy",
  restoring: "busy",
  restore_error: "bad",
  pending_activation: "good",
  running: "good",
  stopping: "busy",
  stopped: "idle",
  starting: "busy",
  restarting: "busy",
  errored: "bad",
  destroying: "busy",
  destroyed: "over",
  canceled: "over",
};

export function moodOf(status: InstanceStatus): Mood {
  return MOODS[status];
}

export function isOver(status: InstanceStatus): boolean {
  return MOODS[status] === "over";
}

/** Whether what was on it is lost already: it is over, or being taken down. */
export function isGone(status: InstanceStatus): boolean {
  return isOver(status) || status === "destroying";
}

/** Whether it shows a page of its own now: an address without a port is the home cloud's. */
export function hasPage({ status, address }: Pick<Instance, "status" | "address">): boolean {
  if (status !== "running" && status !== "pending_activation") return false;
  return /:\d{1,5}$/.test(address ?? "");
}

/** Whether its restore may still be under way, so that giving it up follows other rules. */
export function isBeingRestored(status: InstanceStatus): boolean {
  return ["unpaid", "queuing", "fetching", "pending", "installing", "restoring", "restore_error"].includes(status);
}

/** Its provider and region, once where they are the same. */
export function placeText({ provider_name, region_name }: Pick<Instance, "provider_name" | "region_name">): string {
  return [...new Set([provider_name, region_name])].join(", ");
}
