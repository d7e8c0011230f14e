import { Button, Modal, Paper, Skeleton, Stack, Text } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { IconDatabase, IconPlus } from "@tabler/icons-react";
import { useInfiniteQuery } from "@tanstack/react-query";
import { useState } from "react";
import { useSearchParams } from "react-router";
import { Empty } from "../../components/empty";
import { Page } from "../../components/page";
import { ProblemNote } from "../../components/problem-note";
import { t } from "../../messages";
import { type Backup, backupsQuery } from "../../queries/backups";
import { FilterBar } from "./filter-bar";
import { type Choices, choicesOf, filterOf, isNarrowed, paramsOf } from "./filters";
import { FirstBackup } from "./first-backup";
import { List } from "./list";

const words = t.backups;

export function Component() {
  const [params, setParams] = useSearchParams();
  const [isAdding, adding] = useDisclosure(false);
  const [kept, setKept] = useState<Backup | null>(null);
  const choices = choicesOf(params);
  const found = useInfiniteQuery(backupsQuery(filterOf(choices)));
  const backups = found.data?.pages.flatMap((page) => page.items);
  const isNew = backups?.length === 0 && !isNarrowed(choices) && !found.isPlaceholderData;

  const choose = (some: Partial<Choices>) =>
    setParams((now) => paramsOf({ ...choicesOf(now), ...some }), { replace: true, preventScrollReset: true });

  return (
    <Page
      title={words.title}
      subtitle={words.subtitle}
      size="xl"
      actions={
        !isNew && (
          <Button variant="default" leftSection={<IconPlus size={16} aria-hidden />} onClick={adding.open}>
            {words.add}
          </Button>
        )
      }
    >
      <Modal
        opened={isAdding}
        onClose={adding.close}
        title={words.add}
        size="lg"
        closeButtonProps={{ "aria-label": t.shell.close }}
      >
        <FirstBackup />
      </Modal>
      {isNew ? (
        <First />
      ) : (
        <>
          <div>
            <FilterBar choices={choices} onChange={choose} />
            <div aria-live="polite">{kept && <Text mt="md">{words.kept(kept.name)}</Text>}</div>
          </div>
          {found.isPending && <Loading />}
          {found.isError && <ProblemNote error={found.error} onRetry={() => void found.refetch()} />}
          {backups?.length === 0 && !found.isPlaceholderData && <NoMatch onClear={() => setParams({})} />}
          {backups && backups.length > 0 && (
            <Stack aria-busy={found.isPlaceholderData}>
              <List backups={backups} sort={choices.sort} onSort={(sort) => choose({ sort })} onKept={setKept} />
              {found.hasNextPage && (
                <Button variant="default" loading={found.isFetchingNextPage} onClick={() => void found.fetchNextPage()}>
                  {t.shell.more}
                </Button>
              )}
            </Stack>
          )}
        </>
      )}
    </Page>
  );
}

function First() {
  return (
    <Empty icon={<IconDatabase size={32} stroke={1.5} aria-hidden />} title={words.first.title}>
      <FirstBackup />
    </Empty>
  );
}

function NoMatch({ onClear }: { onClear: () => void }) {
  return (
    <Empty title={words.noMatch.title}>
      <Text>{words.noMatch.text}</Text>
      <Button variant="default" onClick={onClear}>
        {words.filter.clear}
      </Button>
    </Empty>
  );
}

function Loading() {
  return (
    <Paper withBorder p="md" aria-busy aria-label={t.shell.loading}>
      <Stack>
        {[0, 1, 2, 3].map((row) => (
          <Skeleton key={row} h={40} />
        ))}
      </Stack>
    </Paper>
  );
}
