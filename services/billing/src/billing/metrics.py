"""What billing counts for its dashboards and alerts."""

from prometheus_client import Counter, Gauge

PAYMENTS_UNKNOWN = Gauge(
    "space_billing_payments_unknown", "Payments of which it is not known what the provider has made of them."
)
WEBHOOKS_REFUSED = Counter(
    "space_billing_webhooks_refused_total", "Webhooks that were not the payment provider's.", ["provider"]
)
LEDGER_IMBALANCE = Gauge(
    "space_billing_ledger_imbalance_minor", "How far the ledger and the balances beside it are apart, in minor units."
)
INVOICES_OVERDUE = Gauge("space_billing_invoices_overdue", "Drafts whose time to be finalised is long over.")
