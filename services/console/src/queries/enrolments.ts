import { useMutation } from "@tanstack/react-query";
import { answerOf, identity } from "../api/client";
import type { components } from "../api/generated/identity";

export type Enrolment = components["schemas"]["EnrolmentRead"];

/** A one-time code by which another machine joins the owner. */
export function useOfferEnrolment() {
  return useMutation({ mutationFn: () => answerOf(identity.POST("/api/v1/me/devices/enrolments")) });
}
