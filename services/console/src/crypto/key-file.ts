/**
 * Checking a backup password against restic's key files in this browser, before anything is asked of anybody.
 *
 * A key file is the repository's master key sealed with a key derived from the password by scrypt. The derived 64 bytes
 * are an AES-256 key (32), then the Poly1305-AES pair k (16) and r (16); `data` is a 16 byte IV, the ciphertext and a
 * 16 byte MAC over the ciphertext (restic's design document, "Keys, Encryption and MAC"). The MAC tells whether the
 * password is right; the master key itself is never opened here.
 */
import { poly1305 } from "@noble/ciphers/_poly1305.js";
import { ecb } from "@noble/ciphers/aes.js";
import { equalBytes } from "@noble/ciphers/utils.js";
import { scrypt } from "@noble/hashes/scrypt.js";

// As services/agent/src/agent/keyfile.py: the last two bound the product of the first three.
const MAX_N = 2 ** 20;
const MAX_R = 16;
const MAX_P = 16;
const MAX_MEMORY_BYTES = 2 ** 30;
const MAX_WORK = 2 ** 26;

const MAX_FILE_BYTES = 64 * 1024;
const MAX_FILES = 64;
const MIN_SALT_BYTES = 8;
const MAX_SALT_BYTES = 1024;
const IV_BYTES = 16;
const MAC_BYTES = 16;
// Standard base64 with its padding, and nothing beside it.
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

/** The file is not a restic key file, or asks for more work than an honest one would. */
export class BadKeyFile extends Error {}

export interface KeyFile {
  N: number;
  r: number;
  p: number;
  salt: Uint8Array;
  iv: Uint8Array;
  ciphertext: Uint8Array;
  mac: Uint8Array;
}

/**
 * Read a key file.
 *
 * @param content - The file in base64, as the service gives it.
 * @throws BadKeyFile truncated, not JSON, another derivation than scrypt, or parameters out of bounds
 */
export function parseKeyFile(content: string): KeyFile {
  if (content.length > (MAX_FILE_BYTES * 4) / 3 + 4) throw new BadKeyFile("too long for a key file");
  const fields = json(decode(content, "content"));
  if (fields.kdf !== "scrypt") throw new BadKeyFile("not a key file with scrypt");
  const N = integer(fields.N, "N");
  const r = integer(fields.r, "r");
  const p = integer(fields.p, "p");
  checkCost(N, r, p);
  const salt = decode(fields.salt, "salt");
  if (salt.length < MIN_SALT_BYTES || salt.length > MAX_SALT_BYTES) {
    throw new BadKeyFile(`a salt of ${salt.length} bytes`);
  }
  const sealed = decode(fields.data, "data");
  if (sealed.length <= IV_BYTES + MAC_BYTES) throw new BadKeyFile(`a sealed key of ${sealed.length} bytes`);
  return {
    N,
    r,
    p,
    salt,
    iv: sealed.subarray(0, IV_BYTES),
    ciphertext: sealed.subarray(IV_BYTES, -MAC_BYTES),
    mac: sealed.subarray(-MAC_BYTES),
  };
}

/**
 * The usable ones among a repository's key files.
 *
 * @throws BadKeyFile there are files, and none is usable
 */
export function parseKeyFiles(contents: readonly string[]): KeyFile[] {
  const usable: KeyFile[] = [];
  let fault: BadKeyFile | null = null;
  for (const content of contents.slice(0, MAX_FILES)) {
    try {
      usable.push(parseKeyFile(content));
    } catch (error) {
      if (!(error instanceof BadKeyFile)) throw error;
      fault = error;
    }
  }
  if (fault && usable.length === 0) throw fault;
  return usable;
}

/** Whether the password unseals this key; one scrypt, about half a second and 32 MB with restic's parameters. */
export function opensWith({ N, r, p, salt, iv, ciphertext, mac }: KeyFile, password: Uint8Array): boolean {
  const derived = scrypt(password, salt, { N, r, p, dkLen: 64, maxmem: 128 * r * (N + p + 2) + 2 ** 20 });
  // One AES block: Poly1305-AES encrypts the nonce (here the IV) with k to get its pad.
  const pad = ecb(derived.subarray(32, 48), { disablePadding: true }).encrypt(iv);
  const key = new Uint8Array(32);
  key.set(derived.subarray(48, 64));
  key.set(pad, 16);
  return equalBytes(poly1305(ciphertext, key), mac);
}

/** Whether one of the keys opens with the password; each is tried. */
export function anyOpensWith(keyFiles: readonly KeyFile[], password: Uint8Array): boolean {
  return keyFiles.some((keyFile) => opensWith(keyFile, password));
}

function checkCost(N: number, r: number, p: number): void {
  if (N < 2 || N > MAX_N || (N & (N - 1)) !== 0) throw new BadKeyFile(`scrypt N = ${N}`);
  if (r < 1 || r > MAX_R) throw new BadKeyFile(`scrypt r = ${r}`);
  if (p < 1 || p > MAX_P) throw new BadKeyFile(`scrypt p = ${p}`);
  if (128 * N * r > MAX_MEMORY_BYTES || N * r * p > MAX_WORK) {
    throw new BadKeyFile(`scrypt N = ${N}, r = ${r}, p = ${p} together`);
  }
}

function json(content: Uint8Array): Record<string, unknown> {
  let parsed: unknown;
  try {
    parsed = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(content));
  } catch {
    throw new BadKeyFile("not JSON");
  }
  if (typeof parsed !== "object" || parsed === null || Array.isArray(parsed)) throw new BadKeyFile("not an object");
  return parsed as Record<string, unknown>;
}

function integer(value: unknown, field: string): number {
  if (typeof value !== "number" || !Number.isInteger(value)) throw new BadKeyFile(`scrypt ${field} is not a number`);
  return value;
}

function decode(value: unknown, field: string): Uint8Array {
  if (typeof value !== "string") throw new BadKeyFile(`no ${field}`);
  if (!BASE64.test(value)) throw new BadKeyFile(`${field} is not base64`);
  return Uint8Array.from(atob(value), (character) => character.charCodeAt(0));
}
