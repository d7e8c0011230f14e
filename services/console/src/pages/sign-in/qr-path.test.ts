import decodeQR from "qr/decode.js";
import { expect, test } from "vitest";
import { qrPath } from "./qr-path";

const SCALE = 4;

/** What a camera would see of the path. */
function picture({ size, path }: { size: number; path: string }): Uint8Array {
  const width = size * SCALE;
  const pixels = new Uint8Array(width * width * 4).fill(255);
  for (const [, x, y, length] of path.matchAll(/M(\d+) (\d+)h(\d+)v1h-\d+z/g)) {
    for (let row = Number(y) * SCALE; row < (Number(y) + 1) * SCALE; row++) {
      for (let column = Number(x) * SCALE; column < (Number(x) + Number(length)) * SCALE; column++) {
        pixels.fill(0, (row * width + column) * 4, (row * width + column) * 4 + 3);
      }
    }
  }
  return pixels;
}

test("what is drawn says what was given", () => {
  const content = `space://${"eyJ0b3BpYyI6InNpZ24iLCJldmVudCI6Im".repeat(13)}`;
  const code = qrPath(content);
  const width = code.size * SCALE;
  expect(decodeQR({ width, height: width, data: picture(code) })).toBe(content);
});
