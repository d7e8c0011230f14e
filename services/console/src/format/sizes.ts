const UNITS = ["KB", "MB", "GB", "TB"] as const;
export const GB = 2 ** 30;

/** Bytes as the product writes them: GB of 2^30, two decimals; a dash when unknown. */
export function sizeText(bytes: number | null | undefined, locale?: string): string {
  if (bytes === null || bytes === undefined) return "–";
  if (bytes < 1024) return `${number(bytes, 0, locale)} B`;
  let size = bytes;
  for (const unit of UNITS) {
    size /= 1024;
    // 1023.996 would be written 1024.00: the next unit is meant.
    if (Math.round(size * 100) < 102_400) return `${number(size, 2, locale)} ${unit}`;
  }
  return `${number(size / 1024, 2, locale)} PB`;
}

/** Bytes per second. */
export function speedText(bytesPerSecond: number, locale?: string): string {
  return `${sizeText(Math.round(bytesPerSecond), locale)}/s`;
}

function number(value: number, decimals: number, locale?: string): string {
  return new Intl.NumberFormat(locale, { minimumFractionDigits: decimals, maximumFractionDigits: decimals }).format(
    value,
  );
}
