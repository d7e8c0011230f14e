export interface Share {
  /** How full it is, from 0 to 100. */
  percent: number;
  leftBytes: number;
  beyondBytes: number;
}

// Of a bar nobody sees less, and a number in scientific notation is no valid value of one.
const DIGITS = 2;

/** How what is used stands to what is included or free. */
export function shareOf(usedBytes: number, includedBytes: number): Share {
  const percent = includedBytes > 0 ? Math.min(100, (usedBytes / includedBytes) * 100) : usedBytes > 0 ? 100 : 0;
  return {
    percent: Number(percent.toFixed(DIGITS)),
    leftBytes: Math.max(0, includedBytes - usedBytes),
    beyondBytes: Math.max(0, usedBytes - includedBytes),
  };
}

/** A decimal fraction as the services write it (`"0.25"`), in percent: "25%"; what is little but not nothing is "<1%". */
export function percentText(share: string, locale?: string): string {
  const value = Number(share);
  const format = new Intl.NumberFormat(locale, { style: "percent", maximumFractionDigits: 0 });
  return value > 0 && value < 0.01 ? `<${format.format(0.01)}` : format.format(value);
}
