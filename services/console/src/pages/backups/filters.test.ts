import { expect, test } from "vitest";
import { type Choices, choicesOf, directionOf, filterOf, isNarrowed, nextSort, paramsOf } from "./filters";

const HOME = "0f2b6c1e-6f0d-4a1f-9a39-0d1b2c3d4e5f";
const USUAL: Choices = { search: "", terminus: null, shown: "any", sort: "-created_at" };

function read(query: string): Choices {
  return choicesOf(new URLSearchParams(query));
}

test("nothing in the address is everything, newest first", () => {
  expect(read("")).toEqual(USUAL);
  expect(filterOf(USUAL)).toEqual({ sort: "-created_at" });
  expect(isNarrowed(USUAL)).toBe(false);
});

test.each<Partial<Choices>>([
  { search: "50% & more" },
  { terminus: HOME },
  { shown: "overdue" },
  { shown: "deleted", sort: "name" },
  { search: "a", terminus: HOME, shown: "deleting", sort: "-storage_bytes" },
])("%j is the same after it was in the address", (some) => {
  const choices = { ...USUAL, ...some };
  expect(read(paramsOf(choices).toString())).toEqual(choices);
});

test("the usual choices are not in the address", () => {
  expect(paramsOf({ ...USUAL, search: "  " }).toString()).toBe("");
});

test.each(["terminus=x", "state=lost", "sort=evil", "sort=", "state=toString"])("%s is ignored", (query) => {
  expect(read(query)).toEqual(USUAL);
});

test.each([
  ["overdue", { overdue: true }],
  ["deleting", { state: "deleting" }],
  ["any", {}],
] as const)("%s asks for %j", (shown, asked) => {
  expect(filterOf({ ...USUAL, shown })).toEqual({ sort: "-created_at", ...asked });
});

test("a search is asked for without the space around it", () => {
  expect(filterOf({ ...USUAL, search: " photos " }).search).toBe("photos");
});

test("the order alone leaves nothing out", () => {
  expect(isNarrowed({ ...USUAL, sort: "name" })).toBe(false);
  expect(isNarrowed({ ...USUAL, shown: "active" })).toBe(true);
});

test.each([
  ["-created_at", "name", "name"],
  ["name", "name", "-name"],
  ["-name", "name", "name"],
  ["name", "storage_bytes", "-storage_bytes"],
  ["-storage_bytes", "storage_bytes", "storage_bytes"],
] as const)("by %s, the heading %s orders by %s", (now, column, next) => {
  expect(nextSort(now, column)).toBe(next);
});

test("a column says which way it is ordered", () => {
  expect(directionOf("-name", "name")).toBe("descending");
  expect(directionOf("storage_bytes", "storage_bytes")).toBe("ascending");
  expect(directionOf("name", "created_at")).toBe(null);
});
