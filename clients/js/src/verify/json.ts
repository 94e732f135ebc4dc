// The JSON of signed documents: one object, in UTF-8, with each member once
// (RFC 7515 section 4, https://www.rfc-editor.org/rfc/rfc7515#section-4; RFC 7519 section 4).

export type Members = Record<string, unknown>;

/** As deep as the service's own reader goes. */
const MAX_DEPTH = 127;

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Reads an object; `undefined` if the bytes are not exactly one, or hold something that readers understand differently. */
export function readObject(bytes: Uint8Array): Members | undefined {
  try {
    const text = decoder.decode(bytes);
    if (!text.startsWith("{")) return undefined;
    const value = JSON.parse(text) as Members;
    return isPlain(value, MAX_DEPTH) && !hasTwins(text) ? value : undefined;
  } catch {
    return undefined;
  }
}

export function isObject(value: unknown): value is Members {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Whether texts are Unicode, numbers are in range, and nothing is nested deeper than this. */
function isPlain(value: unknown, depth: number): boolean {
  if (typeof value === "string") return isUnicode(value);
  if (typeof value === "number") return Number.isFinite(value);
  if (typeof value !== "object" || value === null) return true;
  if (depth === 0) return false;
  return Object.entries(value).every(([name, member]) => isUnicode(name) && isPlain(member, depth - 1));
}

function isUnicode(text: string): boolean {
  return !/[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/.test(text);
}

/** Whether an object in this JSON has a member twice: `JSON.parse` keeps the last one and says nothing. */
function hasTwins(json: string): boolean {
  const open: (Set<string> | undefined)[] = [];
  let last = "";
  for (const [token] of json.matchAll(/"(?:[^"\\]|\\.)*"|[{}[\]:]/g)) {
    if (token === "{") open.push(new Set());
    else if (token === "[") open.push(undefined);
    else if (token === "}" || token === "]") open.pop();
    else if (token === ":") {
      const names = open.at(-1);
      const name = JSON.parse(last) as string;
      if (names?.has(name)) return true;
      names?.add(name);
    } else last = token;
  }
  return false;
}
