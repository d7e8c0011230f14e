/**
 * Sealing a backup password for the one agent that needs it, so that the servers between can only pass it on.
 *
 * HPKE in base mode (RFC 9180) with X25519, HKDF-SHA256 and AES-256-GCM and no associated data. What it is sealed for
 * goes into the key derivation, so that a sealed password opens for one restore, one instance and one round only. The
 * other side is services/agent/src/agent/sealing.py.
 */
import { Aes256Gcm, CipherSuite, DhkemX25519HkdfSha256, HkdfSha256 } from "@hpke/core";

const CONTEXT = "space restore password v1\0";
const PUBLIC_KEY_BYTES = 32;
/** What the service takes: a longer password cannot be sent. */
export const LONGEST_PASSWORD_BYTES = 4096;

export const suite = new CipherSuite({
  kem: new DhkemX25519HkdfSha256(),
  kdf: new HkdfSha256(),
  aead: new Aes256Gcm(),
});

/** One round of one instance: ids as the service writes them. */
export interface SealedFor {
  restoreId: string;
  instanceId: string;
  round: number;
}

/**
 * A password sealed to an agent's public key, in base64url: the encapsulated key and the ciphertext, together.
 *
 * @param publicKey - 32 bytes in base64url.
 * @throws Error that is no public key, or one that would make the secret known
 */
export async function seal(password: Uint8Array, publicKey: string, target: SealedFor): Promise<string> {
  const raw = fromBase64Url(publicKey);
  if (raw.length !== PUBLIC_KEY_BYTES) throw new Error(`a public key of ${raw.length} bytes`);
  const recipientPublicKey = await suite.kem.deserializePublicKey(raw.buffer);
  const { enc, ct } = await suite.seal({ recipientPublicKey, info: sealedFor(target).buffer }, copy(password));
  const sealed = new Uint8Array(enc.byteLength + ct.byteLength);
  sealed.set(new Uint8Array(enc));
  sealed.set(new Uint8Array(ct), enc.byteLength);
  return toBase64Url(sealed);
}

/** HPKE's `info`: what a password is sealed for. */
export function sealedFor({ restoreId, instanceId, round }: SealedFor): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(`${CONTEXT}${restoreId}/${instanceId}/${round}`);
}

export function fromBase64Url(text: string): Uint8Array<ArrayBuffer> {
  if (!/^[A-Za-z0-9_-]*$/.test(text)) throw new Error("not base64url without padding");
  return Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (character) => character.charCodeAt(0));
}

function toBase64Url(bytes: Uint8Array): string {
  const binary = Array.from(bytes, (byte) => String.fromCharCode(byte)).join("");
  return btoa(binary).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
}

// Of a part of a larger buffer, exactly that part.
function copy(bytes: Uint8Array): ArrayBuffer {
  return new Uint8Array(bytes).buffer;
}
