import { moneyText } from "../../format/money";
import { t } from "../../messages";
import type { Cloud } from "../../queries/restores";
import classes from "./quote-lines.module.css";

type Quote = NonNullable<Cloud["quote"]>;
type Sum = Pick<Quote, "lines" | "total">;

const words = t.restore.charges;

/** Charges, one by one, and what they come to; with from where they would be paid. */
export function QuoteLines({ label, sum, applied }: { label: string; sum: Sum; applied?: Quote["applied"] }) {
  const sources = applied
    ? (["promotional", "balance", "card"] as const).filter((each) => applied[each].amount_minor)
    : [];
  return (
    <table className={classes.lines} aria-label={label}>
      <tbody>
        {sum.lines.map((line) => (
          <tr key={`${line.kind} ${line.description}`}>
            <th scope="row">
              {line.description}
              {line.quantity !== "1" && (
                <span className={classes.reckoned}>
                  {line.quantity} {line.unit} × {line.unit_price}
                </span>
              )}
            </th>
            <td>{moneyText(line.amount)}</td>
          </tr>
        ))}
      </tbody>
      <tfoot>
        <tr className={classes.total}>
          <th scope="row">{words.total}</th>
          <td>{moneyText(sum.total)}</td>
        </tr>
        {applied &&
          sources.map((source) => (
            <tr key={source}>
              <th scope="row">{words.applied[source]}</th>
              <td>{moneyText(applied[source])}</td>
            </tr>
          ))}
      </tfoot>
    </table>
  );
}
