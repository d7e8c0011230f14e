import { GB } from "../../format/sizes";

/** GB-hours as the services write them (`"12.5"`), to be read. */
export function hoursText(gbHours: string, locale?: string): string {
  return number(Number(gbHours), locale);
}

/** Byte-hours as the services write them, in GB-hours. */
export function gbHoursText(byteHours: string, locale?: string): string {
  return number(Number(byteHours) / GB, locale);
}

function number(value: number, locale?: string): string {
  return new Intl.NumberFormat(locale, { maximumFractionDigits: 2 }).format(value);
}
