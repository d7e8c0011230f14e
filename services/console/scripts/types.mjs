// Writes src/api/generated/<service>.ts from docs/openapi: the console knows the API by its documents alone.
import { mkdir, readFile, writeFile } from "node:fs/promises";
import openapiTypescript, { astToString } from "openapi-typescript";

const documents = new URL("../../../docs/openapi/", import.meta.url);
const generated = new URL("../src/api/generated/", import.meta.url);

await mkdir(generated, { recursive: true });
for (const service of ["identity", "catalog", "billing", "provisioning", "restore"]) {
  const document = new URL(`${service}.json`, documents);
  const types = astToString(await openapiTypescript(document, { defaultNonNullable: false }));
  const target = new URL(`${service}.ts`, generated);
  // Written only when it differs, so that a watcher sees no change where there is none.
  if ((await readFile(target, "utf8").catch(() => "")) !== types) await writeFile(target, types);
}
