/** A password as restic takes it: its UTF-8, exactly as it was typed. */
export function passwordBytes(typed: string): Uint8Array {
  return new TextEncoder().encode(typed);
}
