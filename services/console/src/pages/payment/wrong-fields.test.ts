import { expect, test } from "vitest";
import { Problem } from "../../api/problem";
import { wrongFields } from "./wrong-fields";

test("what a service refused of a body is known by its fields", () => {
  const errors = [
    { location: ["body", "tax_id"], message: "no", type: "pattern" },
    { location: ["body", "address_lines", "0"], message: "no", type: "too_long" },
    { location: ["query", "limit"], message: "no", type: "int" },
  ];
  expect(wrongFields(new Problem("request_invalid", "", 422, { errors }))).toEqual(
    new Set(["tax_id", "address_lines"]),
  );
});

test.each([
  new Problem("request_invalid", "", 422),
  new Problem("request_invalid", "", 422, { errors: [null, {}, { location: "body" }] }),
  new Problem("offline", "", 0, { errors: [{ location: ["body", "tax_id"] }] }),
  new Error("another"),
])("anything else names no field", (error) => {
  expect(wrongFields(error)).toEqual(new Set());
});
