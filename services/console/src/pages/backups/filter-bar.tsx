import { Group, Select, TextInput } from "@mantine/core";
import { useDebouncedCallback } from "@mantine/hooks";
import { IconSearch } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { t } from "../../messages";
import type { BackupSort } from "../../queries/backups";
import { terminusListQuery } from "../../queries/terminus";
import type { Choices, Shown } from "./filters";

const words = t.backups.filter;
const TYPING_MS = 250;

interface FilterBarProps {
  choices: Choices;
  onChange: (some: Partial<Choices>) => void;
}

/** Search, which ones, and in which order; the order also stands in the headings where there are any. */
export function FilterBar({ choices, onChange }: FilterBarProps) {
  const { data: terminus } = useQuery(terminusListQuery);
  const [typed, setTyped] = useState(choices.search);
  const search = useDebouncedCallback((text: string) => onChange({ search: text }), TYPING_MS);
  useEffect(() => setTyped((now) => (now.trim() === choices.search ? now : choices.search)), [choices.search]);
  return (
    <Group role="search" aria-label={words.label} gap="sm" align="end">
      <TextInput
        type="search"
        label={words.search}
        placeholder={words.searchHint}
        leftSection={<IconSearch size={16} aria-hidden />}
        maxLength={255}
        flex="1 1 220px"
        value={typed}
        onChange={({ currentTarget }) => {
          setTyped(currentTarget.value);
          search(currentTarget.value);
        }}
      />
      {((terminus && terminus.length > 1) || choices.terminus !== null) && (
        <Select
          label={words.terminus}
          flex="1 1 170px"
          data={[
            { value: "", label: words.anyTerminus },
            ...(terminus ?? []).map(({ terminus_id, name }) => ({ value: terminus_id, label: name })),
          ]}
          allowDeselect={false}
          value={choices.terminus ?? ""}
          onChange={(value) => onChange({ terminus: value || null })}
        />
      )}
      <Select
        label={words.state}
        flex="1 1 140px"
        data={Object.entries(t.backups.shown).map(([value, label]) => ({ value, label }))}
        allowDeselect={false}
        value={choices.shown}
        onChange={(value) => onChange({ shown: value as Shown })}
      />
      <Select
        label={words.sort}
        flex="1 1 200px"
        hiddenFrom="md"
        data={Object.entries(t.backups.sorts).map(([value, label]) => ({ value, label }))}
        allowDeselect={false}
        value={choices.sort}
        onChange={(value) => onChange({ sort: value as BackupSort })}
      />
    </Group>
  );
}
