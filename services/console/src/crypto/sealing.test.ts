import { expect, test } from "vitest";
import { vectors } from "../../../../tests/agent/sealed_passwords.json";
import { fromBase64Url, seal, sealedFor, suite } from "./sealing";

test.each(vectors)("the vector $name opens as it did when it was made", async (vector) => {
  const target = { restoreId: vector.restore_id, instanceId: vector.instance_id, round: vector.round };
  expect(hex(sealedFor(target))).toBe(vector.info);
  expect(hex(await open(vector.sealed, vector, target))).toBe(vector.plaintext);
});

test.each(vectors)("what is sealed as the vector $name opens as it was, each time otherwise sealed", async (vector) => {
  const target = { restoreId: vector.restore_id, instanceId: vector.instance_id, round: vector.round };
  const password = fromHex(vector.plaintext);
  const sealed = await seal(password, vector.public_key, target);
  expect(hex(await open(sealed, vector, target))).toBe(vector.plaintext);
  expect(await seal(password, vector.public_key, target)).not.toBe(sealed);
});

test("it opens for nothing else", async () => {
  const [vector] = vectors;
  if (!vector) throw new Error("no vector");
  const target = { restoreId: vector.restore_id, instanceId: vector.instance_id, round: 2 };
  const sealed = await seal(fromHex(vector.plaintext), vector.public_key, target);
  await expect(open(sealed, vector, { ...target, round: 22 })).rejects.toThrow();
  await expect(open(sealed, vector, { ...target, restoreId: vector.instance_id })).rejects.toThrow();
});

test.each(["", "AAAA", "A".repeat(42), "A".repeat(44), `${"A".repeat(42)}=`, "A".repeat(43)])(
  "nothing is sealed for what is no public key, or makes the secret known: %s",
  async (key) => {
    const target = { restoreId: "r", instanceId: "i", round: 1 };
    await expect(seal(new Uint8Array(3), key, target)).rejects.toThrow();
  },
);

async function open(
  sealed: string,
  { private_key, public_key }: { private_key: string; public_key: string },
  target: { restoreId: string; instanceId: string; round: number },
): Promise<Uint8Array> {
  const jwk = { kty: "OKP", crv: "X25519", d: base64Url(fromHex(private_key)), x: public_key };
  const recipientKey = await suite.kem.importKey("jwk", jwk, false);
  const bytes = fromBase64Url(sealed);
  const sender = { recipientKey, enc: bytes.slice(0, 32).buffer, info: sealedFor(target).buffer };
  return new Uint8Array(await suite.open(sender, bytes.slice(32).buffer));
}

function base64Url(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes))
    .replaceAll("+", "-")
    .replaceAll("/", "_")
    .replace(/=+$/, "");
}

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function fromHex(text: string): Uint8Array {
  return Uint8Array.from(text.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
}
