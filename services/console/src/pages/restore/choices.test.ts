import { describe, expect, test } from "vitest";
import { GB } from "../../format/sizes";
import type { Plan, Provider } from "../../queries/offers";
import { choicesOf, defaultName, isSameWish, paramsOf, placeOf, refusalOf } from "./choices";

function plan(name: string, changes: Partial<Plan> = {}): Plan {
  return {
    plan: name,
    name,
    vcpu: 2,
    memory_bytes: 4 * GB,
    disk_bytes: 40 * GB,
    monthly_price: { amount_minor: 2900, currency: "USD" },
    price_version: "1",
    included_traffic_bytes: 0,
    included_storage_bytes: 0,
    available: true,
    unavailable_because: null,
    unconfirmed_since: null,
    ...changes,
  };
}

const SOLD_OUT = { available: false, unavailable_because: "sold_out" } as const;
const small = plan("small");
const large = plan("large", { disk_bytes: 80 * GB });
const PROVIDERS: Provider[] = [
  { provider: "empty", name: "Empty", regions: [{ region: "x", name: "X", plans: [plan("small", SOLD_OUT)] }] },
  {
    provider: "aws",
    name: "Amazon",
    regions: [
      { region: "east", name: "East", plans: [plan("small", SOLD_OUT)] },
      { region: "west", name: "West", plans: [small, large] },
    ],
  },
];
const NOTHING = { provider: null, region: null, plan: null };

function names(choices: Partial<typeof NOTHING> | Record<string, string>, neededBytes: number | null = null) {
  const { provider, region, plan: chosen } = placeOf(PROVIDERS, { ...NOTHING, ...choices }, neededBytes);
  return [provider?.provider, region?.region, chosen?.plan];
}

describe("the place", () => {
  test("is the first that has something to offer, where nothing is chosen", () => {
    expect(names({})).toEqual(["aws", "west", "small"]);
  });
  test("has a plan that the snapshot fits", () => {
    expect(names({}, 40 * GB)).toEqual(["aws", "west", "large"]);
    expect(names({ provider: "aws", region: "west", plan: "small" }, 40 * GB)).toEqual(["aws", "west", "large"]);
  });
  test("is the one that was chosen, without a plan where all are sold out", () => {
    expect(names({ provider: "empty" })).toEqual(["empty", "x", undefined]);
    expect(names({ provider: "aws", region: "east", plan: "small" })).toEqual(["aws", "east", undefined]);
  });
  test("is another where there is no such thing any more", () => {
    expect(names({ provider: "gone", region: "gone", plan: "gone" })).toEqual(["aws", "west", "small"]);
  });
  test("is none where nothing is offered at all", () => {
    expect(placeOf([], NOTHING, null)).toEqual({ provider: null, region: null, plan: null });
  });
});

test.each([
  [small, null, null],
  [small, 36 * GB, null],
  [small, 36 * GB + 1, "too_small"],
  [plan("a", SOLD_OUT), 1, "sold_out"],
  [plan("a", { available: false, unavailable_because: "no_price" }), 1, "no_price"],
])("a plan is refused because: %#", (each, needed, why) => {
  expect(refusalOf(each, needed)).toBe(why);
});

test("the address keeps the choices, and the later steps need a restore", () => {
  const choices = choicesOf(new URLSearchParams("step=pay&plan=small&restore=r&name=a%40b.c"));
  expect(choices).toMatchObject({ step: "pay", plan: "small", restore: "r", name: "a@b.c", snapshot: null });
  expect(choicesOf(new URLSearchParams(paramsOf(choices)))).toEqual(choices);
  expect(choicesOf(new URLSearchParams("step=pay")).step).toBe("set-up");
  expect(choicesOf(new URLSearchParams("step=other&restore=r")).step).toBe("set-up");
});

test("only an Olares name is offered as a name", () => {
  expect(defaultName("home@olares.com", "a@olares.com")).toBe("home@olares.com");
  expect(defaultName("my laptop", "a@olares.com")).toBe("a@olares.com");
  expect(defaultName(null, "a@olares.com")).toBe("a@olares.com");
});

test("a name in other letters is the same wish", () => {
  const wish = { snapshot_id: "s", provider: "p", region: "r", plan: "small", instance_name: "a@b.c" };
  expect(isSameWish(wish, { ...wish, instance_name: " A@b.c" })).toBe(true);
  expect(isSameWish(wish, { ...wish, plan: "large" })).toBe(false);
});
