import { queryOptions } from "@tanstack/react-query";
import { answerOf, provisioning } from "../api/client";
import type { components } from "../api/generated/provisioning";

export type Provider = components["schemas"]["ProviderOffers"];
export type Region = components["schemas"]["RegionOffers"];
export type Plan = components["schemas"]["PlanOffer"];

/** What instances can be had: of each provider its locations, and of each location the hardware there. */
export const offersQuery = queryOptions({
  queryKey: ["provisioning", "offers"],
  queryFn: async ({ signal }) => (await answerOf(provisioning.GET("/api/v1/offers", { signal }))).providers,
  refetchInterval: 60_000,
});
