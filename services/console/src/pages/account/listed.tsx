import { Button, Skeleton } from "@mantine/core";
import type { InfiniteData, UseInfiniteQueryResult } from "@tanstack/react-query";
import { ProblemNote } from "../../components/problem-note";
import { type Column, Records } from "../../components/records";
import { t } from "../../messages";

interface ListedProps<Row> {
  label: string;
  found: UseInfiniteQueryResult<InfiniteData<{ items: Row[] }>>;
  columns: readonly Column<Row>[];
  rowKey: (row: Row) => string;
}

/** A list of the account, page by page. */
export function Listed<Row>({ label, found, columns, rowKey }: ListedProps<Row>) {
  if (found.isPending) return <Skeleton h={88} aria-busy aria-label={t.shell.loading} />;
  if (found.isError && !found.data) return <ProblemNote error={found.error} onRetry={() => void found.refetch()} />;
  return (
    <>
      <Records label={label} columns={columns} rows={found.data.pages.flatMap(({ items }) => items)} rowKey={rowKey} />
      {found.hasNextPage && (
        <div>
          <Button variant="default" loading={found.isFetchingNextPage} onClick={() => void found.fetchNextPage()}>
            {t.shell.more}
          </Button>
        </div>
      )}
    </>
  );
}
