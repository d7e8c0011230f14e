import { SimpleGrid, Skeleton } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { Page } from "../../components/page";
import { ProblemNote } from "../../components/problem-note";
import { t } from "../../messages";
import { quotaQuery } from "../../queries/quota";
import { usageQuery } from "../../queries/usage";
import { Arrears } from "./arrears";
import { ByBackup, ByInstance } from "./breakdown";
import { ByDay } from "./by-day";
import { Month } from "./month";
import { BillingNav } from "./nav";
import { SpendLimit } from "./spend-limit";
import { Storage } from "./storage";

export function Component() {
  const usage = useQuery(usageQuery);
  const quota = useQuery(quotaQuery);
  return (
    <Page title={t.billing.title} size="xl">
      <BillingNav />
      {quota.data && <Arrears standing={quota.data.standing} />}
      {usage.isError && !usage.data && <ProblemNote error={usage.error} onRetry={() => void usage.refetch()} />}
      {quota.isError && !quota.data && <ProblemNote error={quota.error} onRetry={() => void quota.refetch()} />}
      <SimpleGrid cols={{ base: 1, md: 2 }} spacing="lg">
        {usage.data ? <Month usage={usage.data} /> : usage.isPending && <Skeleton h={250} />}
        {quota.data ? <Storage quota={quota.data} usage={usage.data} /> : quota.isPending && <Skeleton h={250} />}
      </SimpleGrid>
      {quota.data ? <SpendLimit quota={quota.data} /> : quota.isPending && <Skeleton h={150} />}
      <ByDay freeBytes={quota.data?.allowance_bytes} />
      {usage.data ? <ByBackup usage={usage.data} /> : usage.isPending && <Skeleton h={200} />}
      {usage.data && <ByInstance usage={usage.data} />}
    </Page>
  );
}
