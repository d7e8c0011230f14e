import { expect, test } from "vitest";
import { cardCode, cardDigits, cardExpiry } from "./cards";

test.each([
  ["4242 4242 4242 4242", "4242424242424242"],
  [" 4242-4242-4242-4242 ", "4242424242424242"],
  ["378282246310005", "378282246310005"],
  ["4242", null],
  ["٤٢٤٢٤٢٤٢٤٢٤٢٤٢٤٢", null],
  ["4242 4242 4242 424x", null],
])("the number %j has the digits %j", (typed, digits) => {
  expect(cardDigits(typed)).toBe(digits);
});

test.each([
  ["12/30", { month: 12, year: 2030 }],
  ["1/30", { month: 1, year: 2030 }],
  ["01 / 2031", { month: 1, year: 2031 }],
  ["0931", { month: 9, year: 2031 }],
  ["13/30", null],
  ["00/30", null],
  ["12/203", null],
  ["", null],
])("the expiry %j is %j", (typed, expiry) => {
  expect(cardExpiry(typed)).toEqual(expiry);
});

test.each([
  [" 123 ", "123"],
  ["1234", "1234"],
  ["12", null],
  ["12a", null],
])("the security code %j is %j", (typed, code) => {
  expect(cardCode(typed)).toBe(code);
});
