import { queryOptions } from "@tanstack/react-query";
import { answerOf, catalog } from "../api/client";
import type { components } from "../api/generated/catalog";
import { POLL_MS } from "./client";

export type Terminus = components["schemas"]["TerminusRead"];

/** The owner's home clouds, oldest first; of more than 100 the first ones. */
export const terminusListQuery = queryOptions({
  queryKey: ["catalog", "terminus", "list"],
  queryFn: async ({ signal }) =>
    (await answerOf(catalog.GET("/api/v1/terminus", { params: { query: { limit: 100 } }, signal }))).items,
  staleTime: POLL_MS * 4,
});
