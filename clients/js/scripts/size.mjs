// Measures the part for browsers, as it is loaded without a bundler; fails if it is not small any more: `npm run size`.
import { readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";

const MOST = 6 * 1024;

/** A module and all that it imports. */
function modules(url, found = new Map()) {
  if (found.has(url.href)) return found;
  const text = readFileSync(url, "utf8");
  found.set(url.href, text);
  for (const [, path] of text.matchAll(/(?:from|import) "(\.[^"]+)"/g)) modules(new URL(path, url), found);
  return found;
}

const texts = [...modules(new URL("../dist/index.js", import.meta.url)).values()];
const together = gzipSync(texts.join(""), { level: 9 }).length;
const apart = texts.reduce((sum, text) => sum + gzipSync(text, { level: 9 }).length, 0);
const plain = texts.join("").length;
console.log(`tokensmith for browsers: ${texts.length} files, ${plain} bytes; gzipped ${apart}, as one file ${together}`);
if (together > MOST) {
  console.error(`that is more than ${MOST} bytes`);
  process.exit(1);
}
