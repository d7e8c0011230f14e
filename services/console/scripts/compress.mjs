// Writes a compressed copy beside each built file, as small as it gets: that takes longer than any visitor should wait.
import { readdir, readFile, writeFile } from "node:fs/promises";
import { promisify } from "node:util";
import { brotliCompress, constants } from "node:zlib";

const assets = new URL("../dist/assets/", import.meta.url);
const compress = promisify(brotliCompress);

for (const name of await readdir(assets)) {
  if (!/\.(js|css|svg)$/.test(name)) continue;
  const content = await readFile(new URL(name, assets));
  const options = { params: { [constants.BROTLI_PARAM_SIZE_HINT]: content.length } };
  await writeFile(new URL(`${name}.br`, assets), await compress(content, options));
}
