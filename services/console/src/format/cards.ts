/** Cards as people type them. */

/** The digits of a card's number, which people group by spaces or dashes; null for what cannot be one. */
export function cardDigits(typed: string): string | null {
  const digits = typed.replaceAll(/[\s-]/g, "");
  return /^[0-9]{12,19}$/.test(digits) ? digits : null;
}

/** Month and year as they stand on a card: `12/30`, `12 / 2030`, `1230`. */
export function cardExpiry(typed: string): { month: number; year: number } | null {
  const found = /^\s*(\d{1,2})\s*[/-]\s*(\d{2}|\d{4})\s*$/.exec(typed) ?? /^\s*(\d{2})(\d{2})\s*$/.exec(typed);
  const month = Number(found?.[1]);
  if (!found?.[2] || month < 1 || month > 12) return null;
  return { month, year: found[2].length === 4 ? Number(found[2]) : 2000 + Number(found[2]) };
}

export function cardCode(typed: string): string | null {
  const code = typed.trim();
  return /^[0-9]{3,4}$/.test(code) ? code : null;
}
