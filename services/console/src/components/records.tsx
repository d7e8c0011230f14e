import { UnstyledButton } from "@mantine/core";
import { IconChevronDown, IconChevronUp, IconSelector } from "@tabler/icons-react";
import type { ReactNode } from "react";
import classes from "./records.module.css";

export interface Column<Row> {
  title: string;
  /** Null where there is nothing to say. */
  cell: (row: Row) => ReactNode;
  align?: "end";
  /** Where the rows can be ordered by this column. */
  order?: Order | undefined;
}

export interface Order {
  /** Null where they are ordered by another column. */
  now: "ascending" | "descending" | null;
  onChange: () => void;
}

interface RecordsProps<Row> {
  /** What the table holds, for who cannot see it. */
  label: string;
  /** The first one names the row. */
  columns: readonly Column<Row>[];
  rows: readonly Row[];
  rowKey: (row: Row) => string;
}

/** A table, whose rows become lists of named values where it is narrow. */
export function Records<Row>({ label, columns, rows, rowKey }: RecordsProps<Row>) {
  return (
    <div className={classes.records}>
      <table className={classes.table} aria-label={label}>
        <thead>
          <tr>
            {columns.map(({ title, align, order }) => (
              <th key={title} scope="col" data-align={align} aria-sort={order?.now ?? undefined}>
                {order ? <OrderButton title={title} {...order} /> : title}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={rowKey(row)}>
              {columns.map((column, place) => (
                <Cell key={column.title} column={column} row={row} names={place === 0} />
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function OrderButton({ title, now, onChange }: Order & { title: string }) {
  const Icon = now === "ascending" ? IconChevronUp : now === "descending" ? IconChevronDown : IconSelector;
  return (
    <>
      <UnstyledButton className={classes.order} onClick={onChange}>
        {title}
        <Icon size={16} aria-hidden />
      </UnstyledButton>
      <span className={classes.unordered}>{title}</span>
    </>
  );
}

function Cell<Row>({ column, row, names }: { column: Column<Row>; row: Row; names: boolean }) {
  const content = column.cell(row);
  const className = content === null ? `${classes.cell} ${classes.empty}` : classes.cell;
  if (names) {
    return (
      <th scope="row" className={classes.cell}>
        {content}
      </th>
    );
  }
  return (
    <td className={className} data-align={column.align}>
      <span className={classes.name} aria-hidden>
        {column.title}
      </span>
      <span>{content}</span>
    </td>
  );
}
