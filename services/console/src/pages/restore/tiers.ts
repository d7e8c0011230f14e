/** Prices that change with the amount, in words. */
import { rateText } from "../../format/rates";
import { GB } from "../../format/sizes";
import { t } from "../../messages";
import type { StorageTier, TrafficTier } from "../../queries/prices";

const words = t.restore.charges;

interface Tier {
  from_bytes: number;
  to_bytes: number | null;
}

export function trafficTiers(tiers: readonly TrafficTier[], currency: string): string {
  return tiersText(tiers, (tier) => words.perGb(rateText(tier.per_gb, currency)));
}

export function storageTiers(tiers: readonly StorageTier[], currency: string): string {
  return tiersText(tiers, (tier) => words.perGbMonth(rateText(tier.per_gb_month, currency)));
}

function tiersText<Of extends Tier>(tiers: readonly Of[], rateOf: (tier: Of) => string): string {
  const [first] = tiers;
  if (tiers.length === 1 && first) return rateOf(first);
  const parts = tiers.map((tier) =>
    words.tier(rateOf(tier), roundSize(tier.from_bytes), tier.to_bytes === null ? null : roundSize(tier.to_bytes)),
  );
  return new Intl.ListFormat(undefined, { type: "unit" }).format(parts);
}

/** Sizes of a price book are mostly whole GB, and read better so: 10 TB, 1,024 GB. */
function roundSize(bytes: number): string {
  const gb = bytes / GB;
  const [value, unit] = gb >= 1024 && gb % 1024 === 0 ? [gb / 1024, "TB"] : [gb, "GB"];
  return `${new Intl.NumberFormat(undefined, { maximumFractionDigits: 2 }).format(value)} ${unit}`;
}
