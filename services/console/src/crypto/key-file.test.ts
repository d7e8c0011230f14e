// Key files that restic made: tests/console/make_key_files.py.
import { describe, expect, test } from "vitest";
import made from "../../../../tests/console/key_files.json";
import { anyOpensWith, BadKeyFile, opensWith, parseKeyFile, parseKeyFiles } from "./key-file";
import { passwordBytes } from "./password-bytes";

const [oneKey] = made.repositories;
const content = oneKey?.key_files[0] ?? "";
const fields: Record<string, unknown> = JSON.parse(atob(content));
const PATIENCE_MS = 60_000;

function withFields(changes: Record<string, unknown>): string {
  return btoa(JSON.stringify({ ...fields, ...changes }));
}

describe.each(made.repositories)("with $name", ({ passwords, key_files }) => {
  test("each password opens a key and a slightly different one none", { timeout: PATIENCE_MS }, () => {
    const keyFiles = parseKeyFiles(key_files);
    expect(keyFiles).toHaveLength(passwords.length);
    for (const password of passwords) expect(anyOpensWith(keyFiles, passwordBytes(password))).toBe(true);
    const [first] = keyFiles;
    if (!first) throw new Error("no key file");
    for (const wrong of [`${passwords[0]} `, passwords[0]?.trim().slice(0, -1), passwords[0]?.normalize("NFD")]) {
      if (wrong === undefined || passwords.includes(wrong)) continue;
      expect(opensWith(first, passwordBytes(wrong))).toBe(false);
    }
  });
});

test("a changed byte anywhere in the sealed key is noticed", { timeout: PATIENCE_MS }, () => {
  const data = Uint8Array.from(atob(String(fields.data)), (each) => each.charCodeAt(0));
  for (const place of [0, 20, data.length - 1]) {
    const changed = data.with(place, (data[place] ?? 0) ^ 1);
    const hostile = withFields({ data: btoa(String.fromCharCode(...changed)) });
    expect(opensWith(parseKeyFile(hostile), passwordBytes("correct horse"))).toBe(false);
  }
});

test.each([
  { N: 2 ** 21 },
  { N: 2 ** 20, r: 16 },
  { N: 2 ** 18, r: 16, p: 17 },
  { N: 2 ** 20, r: 8, p: 16 },
  { N: 32767 },
  { N: 1 },
  { N: 0 },
  { N: -32768 },
  { N: -(2 ** 31) },
  { N: 2 ** 32 },
  { N: true },
  { N: "32768" },
  { N: 32768.5 },
  { N: 1e300 },
  { N: null },
  { r: 0 },
  { r: 17 },
  { p: 0 },
  { p: 17 },
  { kdf: "pbkdf2" },
  { kdf: null },
  { salt: "" },
  { salt: "AAAA" },
  { salt: btoa("s".repeat(2000)) },
  { salt: "not base64!" },
  { salt: null },
  { data: "" },
  { data: btoa("d".repeat(32)) },
  { data: 7 },
])("%j is refused before any work is done", (changes) => {
  const began = performance.now();
  expect(() => parseKeyFile(withFields(changes))).toThrow(BadKeyFile);
  expect(performance.now() - began).toBeLessThan(100);
});

test.each(["", "{", "[]", "null", "\xff\xfe", "[".repeat(60_000), `{}${" ".repeat(70_000)}`])(
  "no key file is refused: %#",
  (text) => {
    expect(() => parseKeyFile(btoa(text))).toThrow(BadKeyFile);
  },
);

test("a key file cut off anywhere is refused", () => {
  const whole = atob(content).trimEnd();
  for (let length = 0; length < whole.length; length += 7) {
    expect(() => parseKeyFile(btoa(whole.slice(0, length)))).toThrow(BadKeyFile);
  }
});

test("one bad file among good ones locks nobody out", () => {
  expect(parseKeyFiles([btoa("{}"), content])).toHaveLength(1);
});

test("only bad files are an error, and no files are not", () => {
  expect(() => parseKeyFiles([btoa("{}"), "?"])).toThrow(BadKeyFile);
  expect(parseKeyFiles([])).toEqual([]);
});
