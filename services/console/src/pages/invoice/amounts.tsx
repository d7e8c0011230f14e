import { type Column, Records } from "../../components/records";
import { type Money, moneyText } from "../../format/money";
import { t } from "../../messages";
import type { Invoice, InvoiceLine } from "../../queries/invoices";
import classes from "./amounts.module.css";

const words = t.invoices;

const LINES: readonly Column<InvoiceLine>[] = [
  { title: words.lines.what, cell: ({ description }) => <span className={classes.what}>{description}</span> },
  {
    title: words.lines.quantity,
    cell: ({ quantity, unit }) => words.quantity(numberText(quantity), unit),
    align: "end",
  },
  { title: words.lines.price, cell: ({ unit_price, amount }) => priceText(unit_price, amount.currency), align: "end" },
  { title: words.lines.amount, cell: ({ amount }) => moneyText(amount), align: "end" },
];

/** Each charge of an invoice. */
export function Lines({ lines }: { lines: readonly InvoiceLine[] }) {
  return (
    <Records label={words.lines.title} columns={LINES} rows={lines} rowKey={(line) => String(lines.indexOf(line))} />
  );
}

/** What the lines come to, and from where it was paid; nothing that is zero but the total. */
export function Totals({ invoice }: { invoice: Invoice }) {
  const { net, tax, total, paid, due, tax_country, tax_rate } = invoice;
  const rate =
    tax_rate &&
    new Intl.NumberFormat(undefined, { style: "percent", maximumFractionDigits: 2 }).format(Number(tax_rate));
  const rows: readonly (readonly [string, Money])[] = [
    ...(tax.amount_minor
      ? ([
          [words.totals.net, net],
          [words.totals.tax(tax_country, rate), tax],
        ] as const)
      : []),
    [words.totals.total, total],
    [words.totals.promotional, paid.promotional],
    [words.totals.balance, paid.balance],
    [words.totals.card, paid.card],
    [words.totals.credited, paid.credited],
    [words.totals.due, due],
  ];
  const shown = rows.filter(([name, amount]) => amount.amount_minor !== 0 || name === words.totals.total);
  return (
    <dl className={classes.totals}>
      {shown.map(([name, amount]) => (
        <div key={name} data-strong={name === words.totals.total || name === words.totals.due || undefined}>
          <dt>{name}</dt>
          <dd>{moneyText(amount)}</dd>
        </div>
      ))}
    </dl>
  );
}

function numberText(number: string): string {
  return new Intl.NumberFormat(undefined, { maximumFractionDigits: 6 }).format(number as Intl.StringNumericLiteral);
}

// A price may be finer than the currency's smallest unit.
function priceText(unitPrice: string, currency: string): string {
  return new Intl.NumberFormat(undefined, { style: "currency", currency, maximumFractionDigits: 8 }).format(
    unitPrice as Intl.StringNumericLiteral,
  );
}
