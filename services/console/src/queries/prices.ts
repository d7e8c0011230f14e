import { queryOptions } from "@tanstack/react-query";
import { answerOf, billing } from "../api/client";
import type { components } from "../api/generated/billing";

export type PriceBook = components["schemas"]["PriceBookRead"];
export type RegionPrices = components["schemas"]["RegionPrices"];
export type StorageTier = components["schemas"]["StorageTier"];
export type TrafficTier = components["schemas"]["TrafficTier"];

/** What things cost now, everywhere. */
export const priceBookQuery = queryOptions({
  queryKey: ["billing", "price-book"],
  queryFn: ({ signal }) => answerOf(billing.GET("/api/v1/price-book", { signal })),
  staleTime: 60_000,
});
