/** What is to be ordered, as the address of the wizard's page has it: never the password. */
import type { Plan, Provider, Region } from "../../queries/offers";
import type { Snapshot } from "../../queries/restorable";
import type { CloudRestore, RestoreWish } from "../../queries/restores";

export const STEPS = ["set-up", "charges", "pay"] as const;
export type Step = (typeof STEPS)[number];

export interface Choices {
  step: Step;
  snapshot: string | null;
  provider: string | null;
  region: string | null;
  plan: string | null;
  name: string | null;
  /** The restore that was quoted for these. */
  restore: string | null;
}

export type Why = "sold_out" | "no_price" | "unusable" | "too_small";

// So much of a disk may be filled by what is restored; the service decides, this only spares the attempt.
const DISK_TENTHS = 9;

export function choicesOf(params: URLSearchParams): Choices {
  const restore = params.get("restore");
  const step = STEPS.find((each) => each === params.get("step")) ?? "set-up";
  return {
    // The later steps are about a quote.
    step: restore === null ? "set-up" : step,
    snapshot: params.get("snapshot"),
    provider: params.get("provider"),
    region: params.get("region"),
    plan: params.get("plan"),
    name: params.get("name"),
    restore,
  };
}

export function paramsOf(choices: Choices): Record<string, string> {
  return Object.fromEntries(Object.entries(choices).filter((each): each is [string, string] => each[1] !== null));
}

/** Why a plan cannot be chosen; null where it can. */
export function refusalOf(plan: Plan, neededBytes: number | null): Why | null {
  if (!plan.available) return plan.unavailable_because ?? "unusable";
  return fits(plan, neededBytes) ? null : "too_small";
}

export function fits({ disk_bytes }: Plan, neededBytes: number | null): boolean {
  return neededBytes === null || neededBytes * 10 <= disk_bytes * DISK_TENTHS;
}

export interface Place {
  provider: Provider | null;
  region: Region | null;
  /** The one that was chosen where it can be had, else the first that can. */
  plan: Plan | null;
}

/** What is chosen among what there is; where nothing is, the first place that has something to offer. */
export function placeOf(
  providers: readonly Provider[],
  choices: Pick<Choices, "provider" | "region" | "plan">,
  neededBytes: number | null,
): Place {
  const canBeHad = (plan: Plan) => refusalOf(plan, neededBytes) === null;
  const offers = (region: Region) => region.plans.some(canBeHad);
  const provider =
    providers.find((each) => each.provider === choices.provider) ??
    providers.find((each) => each.regions.some(offers)) ??
    providers[0] ??
    null;
  const regions = provider?.regions ?? [];
  const region = regions.find((each) => each.region === choices.region) ?? regions.find(offers) ?? regions[0] ?? null;
  const plans = region?.plans.filter(canBeHad) ?? [];
  const plan = plans.find((each) => each.plan === choices.plan) ?? plans[0] ?? null;
  return { provider, region, plan };
}

/** The snapshot that was chosen, else the most recent one. */
export function snapshotOf(snapshots: readonly Snapshot[], chosen: string | null): Snapshot | null {
  return snapshots.find((each) => each.snapshot_id === chosen) ?? snapshots[0] ?? null;
}

/** The name that an instance is offered: that of the Terminus that was backed up, where it can be one. */
export function defaultName(terminusName: string | null, olaresName: string): string {
  return terminusName?.includes("@") ? terminusName : olaresName;
}

/** What a restore was ordered as, to order the same again. */
export function wishOf({ snapshot_id, cloud }: Pick<CloudRestore, "snapshot_id" | "cloud">): RestoreWish {
  const { provider, region, plan, instance_name } = cloud;
  return { snapshot_id, provider, region, plan, instance_name };
}

/** Whether two orders would be the same; names are kept in small letters. */
export function isSameWish(one: RestoreWish, other: RestoreWish): boolean {
  return (
    one.snapshot_id === other.snapshot_id &&
    one.provider === other.provider &&
    one.region === other.region &&
    one.plan === other.plan &&
    one.instance_name.trim().toLowerCase() === other.instance_name.trim().toLowerCase()
  );
}
