import { Button, NativeSelect, Stack } from "@mantine/core";
import { useState } from "react";
import { Facts } from "../../components/facts";
import { Instant } from "../../components/instant";
import { instantText } from "../../format/instants";
import { sizeText } from "../../format/sizes";
import { t } from "../../messages";
import type { Snapshot } from "../../queries/restorable";

const words = t.restore.setUp;

interface SnapshotChoiceProps {
  snapshots: readonly Snapshot[];
  snapshot: Snapshot;
  onChange: (snapshotId: string) => void;
}

/** The snapshot to be confirmed; any other on demand. */
export function SnapshotChoice({ snapshots, snapshot, onChange }: SnapshotChoiceProps) {
  const isLatest = snapshot === snapshots[0];
  const [choosing, setChoosing] = useState(!isLatest);
  return (
    <Stack align="flex-start">
      <Facts
        facts={[
          [
            words.snapshotOf,
            <span key="taken">
              <Instant at={snapshot.taken_at} />
              {isLatest && ` (${words.latest.toLowerCase()})`}
            </span>,
          ],
          [words.size, sizeOf(snapshot)],
        ]}
      />
      {choosing ? (
        <NativeSelect
          label={words.choose}
          value={snapshot.snapshot_id}
          data={snapshots.map((each) => ({
            value: each.snapshot_id,
            label: words.option(instantText(each.taken_at), sizeOf(each)),
          }))}
          onChange={({ currentTarget }) => onChange(currentTarget.value)}
        />
      ) : (
        snapshots.length > 1 && (
          <Button size="xs" variant="default" onClick={() => setChoosing(true)}>
            {words.another}
          </Button>
        )
      )}
    </Stack>
  );
}

function sizeOf({ size_processed_bytes }: Snapshot): string {
  return size_processed_bytes === null ? words.unknownSize : sizeText(size_processed_bytes);
}
