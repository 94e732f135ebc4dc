// Writes src/api.ts from the description of a running service: `npm run types -- http://127.0.0.1:8080`.
// With --check it writes nothing, and fails if the file is not up to date.
import { readFileSync, writeFileSync } from "node:fs";
import openapiTS, { astToString } from "openapi-typescript";

const FILE = new URL("../src/api.ts", import.meta.url);
const HEAD = "// The service's JSON. Generated from its /openapi.json by `npm run types`.\n\n";

/** Removes what depends on the settings of the running service: the names of its audiences. */
function withoutSettings(schemas) {
  for (const { properties } of Object.values(schemas)) {
    if (properties?.audience) delete properties.audience.enum;
  }
  return schemas;
}

const [base = "http://127.0.0.1:8080", check] = process.argv.slice(2);
const { openapi, info, components } = await (await fetch(new URL("/openapi.json", base))).json();
const described = { openapi, info, paths: {}, components: { schemas: withoutSettings(components.schemas) } };
const text = HEAD + astToString(await openapiTS(described));
if (check === "--check") {
  if (readFileSync(FILE, "utf8") !== text) {
    console.error("clients/js/src/api.ts is not up to date: run `npm run types` there beside a running service");
    process.exit(1);
  }
} else {
  writeFileSync(FILE, text);
}
