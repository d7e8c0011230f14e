/** Which backups are listed, as the address of the page says it. */
import { t } from "../../messages";
import type { BackupFilter, BackupSort } from "../../queries/backups";

export type Shown = keyof typeof t.backups.shown;

export interface Choices {
  search: string;
  terminus: string | null;
  shown: Shown;
  sort: BackupSort;
}

const SHOWN = new Set(Object.keys(t.backups.shown));
const SORTS = new Set(Object.keys(t.backups.sorts));
const UUID = /^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$/;
const USUAL: Choices = { search: "", terminus: null, shown: "any", sort: "-created_at" };
/** In which direction a column is ordered when it is chosen first. */
const FIRST: readonly BackupSort[] = ["name", "-created_at", "-latest_snapshot_at", "-storage_bytes"];

/** What the address asks for; what nobody could have chosen there is as if it were not there. */
export function choicesOf(params: URLSearchParams): Choices {
  const [terminus, shown, sort] = ["terminus", "state", "sort"].map((name) => params.get(name) ?? "");
  return {
    search: (params.get("search") ?? "").replaceAll("\0", "").slice(0, 255),
    terminus: terminus && UUID.test(terminus) ? terminus : USUAL.terminus,
    shown: SHOWN.has(shown ?? "") ? (shown as Shown) : USUAL.shown,
    sort: SORTS.has(sort ?? "") ? (sort as BackupSort) : USUAL.sort,
  };
}

/** The address of choices, of which the usual ones are left out. */
export function paramsOf({ search, terminus, shown, sort }: Choices): URLSearchParams {
  const params = new URLSearchParams();
  if (search.trim() !== "") params.set("search", search.trim());
  if (terminus !== null) params.set("terminus", terminus);
  if (shown !== USUAL.shown) params.set("state", shown);
  if (sort !== USUAL.sort) params.set("sort", sort);
  return params;
}

/** Whether some backups may be left out. */
export function isNarrowed({ search, terminus, shown }: Choices): boolean {
  return search.trim() !== "" || terminus !== null || shown !== "any";
}

export function filterOf({ search, terminus, shown, sort }: Choices): BackupFilter {
  const filter: BackupFilter = { sort };
  if (search.trim() !== "") filter.search = search.trim();
  if (terminus !== null) filter.terminus_id = terminus;
  if (shown === "overdue") filter.overdue = true;
  else if (shown !== "any") filter.state = shown;
  return filter;
}

/** The order after the heading of a column was pressed. */
export function nextSort(now: BackupSort, column: string): BackupSort {
  const first = FIRST.find((sort) => columnOf(sort) === column) ?? USUAL.sort;
  if (now !== first) return first;
  return (first.startsWith("-") ? column : `-${column}`) as BackupSort;
}

export function directionOf(now: BackupSort, column: string): "ascending" | "descending" | null {
  if (columnOf(now) !== column) return null;
  return now.startsWith("-") ? "descending" : "ascending";
}

function columnOf(sort: BackupSort): string {
  return sort.replace(/^-/, "");
}
