import { Page } from "../../components/page";
import { t } from "../../messages";
import { BillingNav } from "../billing/nav";
import { Balance } from "./balance";
import { Details } from "./details";
import { Methods } from "./methods";

export function Component() {
  return (
    <Page title={t.payment.title} size="xl">
      <BillingNav />
      <Methods />
      <Balance />
      <Details />
    </Page>
  );
}
