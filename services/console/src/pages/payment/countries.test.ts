import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { countries } from "./countries";

test("the countries are those that billing takes", () => {
  const source = new URL("../../../../billing/src/billing/domain/countries.py", import.meta.url);
  const known = readFileSync(source, "utf8").match(/\b[A-Z]{2}\b/g);
  expect(
    countries("en")
      .map(({ code }) => code)
      .sort(),
  ).toEqual(known?.sort());
  expect(countries("de").find(({ code }) => code === "DE")?.name).toBe("Deutschland");
});
