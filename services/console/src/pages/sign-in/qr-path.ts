import encodeQR from "qr";

/** Modules of quiet around a code that a camera needs to find it (ISO/IEC 18004, 9.1). */
const QUIET = 4;

export interface QrPath {
  /** Modules per side, the quiet ones too. */
  size: number;
  /** Of an SVG of that size: what is dark. */
  path: string;
}

/** A QR code as one path; of low redundancy, for it is read from a screen and larger modules are read sooner. */
export function qrPath(content: string): QrPath {
  const rows = encodeQR(content, "raw", { ecc: "low", border: QUIET });
  const path = rows.flatMap((row, y) => runsOf(row).map(([from, length]) => `M${from} ${y}h${length}v1h-${length}z`));
  return { size: rows.length, path: path.join("") };
}

/** Where dark modules stand side by side: from where, and how many. */
function runsOf(row: readonly boolean[]): [from: number, length: number][] {
  const runs: [number, number][] = [];
  row.forEach((isDark, x) => {
    const last = runs.at(-1);
    if (isDark && last && last[0] + last[1] === x) last[1] += 1;
    else if (isDark) runs.push([x, 1]);
  });
  return runs;
}
