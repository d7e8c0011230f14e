import { sizeText } from "../../format/sizes";
import { t } from "../../messages";
import type { TimelineEntry } from "../../queries/restores";

const words = t.restoreLive.timeline;

/** A plain sentence for an entry, with its reason where it has one. */
export function entryText(entry: TimelineEntry, isCloud: boolean): string {
  const sentence = sentenceOf(entry, isCloud);
  return entry.reason ? words.withReason(sentence.replace(/\.$/, ""), entry.reason) : sentence.replace(/\.$/, "");
}

function sentenceOf(entry: TimelineEntry, isCloud: boolean): string {
  switch (entry.kind) {
    case "moved":
      if (entry.state === "quoted" && entry.previous_state === "authorising") return words.declined;
      return t.restoreLive.states[entry.state].means;
    case "progress":
      return words.progress(sizeText(entry.bytes_restored), sizeText(entry.total_bytes));
    case "keys_issued":
      return isCloud ? words.keysCloud : words.keysLocal;
    default:
      return words[entry.kind][entry.code ?? ""] ?? unknown(entry);
  }
}

/** What a later service says. */
function unknown({ kind, code }: TimelineEntry): string {
  const text = [kind, code].filter(Boolean).join(" ").replaceAll("_", " ");
  return text.charAt(0).toUpperCase() + text.slice(1);
}
