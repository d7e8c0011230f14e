import { Group, Paper, Skeleton, Text } from "@mantine/core";
import {
  IconAlertTriangle,
  IconCircleCheck,
  IconClockExclamation,
  IconCloudOff,
  IconCloudUp,
  IconDatabaseOff,
  type TablerIcon,
} from "@tabler/icons-react";
import { useNow } from "../../components/instant";
import { ageText, clockText } from "../../format/instants";
import { t } from "../../messages";
import type { Backup } from "../../queries/backups";
import type { Matter } from "./matters";
import { type Found, hasFailed } from "./part";
import { type Verdict, verdictOf } from "./verdict";
import classes from "./verdict-card.module.css";

const words = t.home.verdict;
type Tone = "good" | "warn" | "bad" | "calm";
interface Said {
  tone: Tone;
  icon: TablerIcon;
  sentence: string;
  more?: string | null;
}

/** The answer to what one comes here to ask, told again when it changes. */
export function VerdictCard({ found, matters }: { found: Found<Backup[]>; matters: readonly Matter[] }) {
  const now = useNow();
  if (found.data === undefined && !hasFailed(found)) return <Skeleton h={76} aria-busy aria-label={t.shell.loading} />;
  const { tone, icon: Icon, sentence, more } = found.data ? said(verdictOf(found.data, matters), now) : UNKNOWN;
  const old = found.data && found.isError ? words.asOf(clockText(new Date(found.dataUpdatedAt).toISOString())) : null;
  return (
    <Paper withBorder p={{ base: "md", sm: "lg" }} className={classes.card} data-tone={tone}>
      <Group gap="md" wrap="nowrap" align="center" role="status" aria-label={words.label}>
        <Icon size={36} stroke={1.6} className={classes.icon} aria-hidden />
        <div>
          <Text size="xl" fw={650} lh={1.3}>
            {sentence}
          </Text>
          {more && <Text c="dimmed">{more}</Text>}
          {old && <Text c="dimmed">{old}</Text>}
        </div>
      </Group>
    </Paper>
  );
}

const UNKNOWN: Said = { tone: "warn", icon: IconCloudOff, sentence: words.unknown, more: words.unknownText };

function said(verdict: Verdict, now: number): Said {
  const newest = "newest" in verdict && verdict.newest !== null ? words.newest(ageText(verdict.newest, now)) : null;
  switch (verdict.kind) {
    case "safe":
      return { tone: "good", icon: IconCircleCheck, sentence: words.safe(ageText(verdict.newest, now)) };
    case "needs":
      return {
        tone: verdict.isUrgent ? "bad" : "warn",
        icon: verdict.isUrgent ? IconAlertTriangle : IconClockExclamation,
        sentence: words.needs(verdict.backups, verdict.others),
      };
    case "waiting":
      return { tone: "calm", icon: IconCloudUp, sentence: words.waiting(verdict.count), more: newest };
    case "ended":
      return { tone: "calm", icon: IconDatabaseOff, sentence: words.ended, more: newest };
    case "nothing":
      return { tone: "warn", icon: IconDatabaseOff, sentence: words.nothing };
  }
}
