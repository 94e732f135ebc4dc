// The conformance corpus: all cases of all files, code for code as the verifiers for Rust and Python.
import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import test from "node:test";
import { lag } from "../dist/verify/feed.js";
import { DeniedSet } from "../dist/verify/denied.js";
import { readMetadata } from "../dist/verify/issuer.js";
import { readJwks } from "../dist/verify/keys.js";
import { verifyPage } from "../dist/verify/page.js";
import { Refusal } from "../dist/verify/refusal.js";
import { resourceOf } from "../dist/verify/resource.js";
import { TokenError } from "../dist/verify/token.js";
import { Verifier } from "../dist/verify/verifier.js";

const FOLDER = process.env.CORPUS ?? new URL("../../corpus/", import.meta.url).pathname;
const FILES = existsSync(FOLDER) ? readdirSync(FOLDER).filter((name) => name.endsWith(".json")) : [];

/** A token is a text, or a list of texts that may be repeated. */
const text = (token) => (typeof token === "string" ? token : token.map((part) => (typeof part === "string" ? part : part[0].repeat(part[1]))).join(""));

function deniedSet({ sid = [], jti = [], kinds = [] } = {}) {
  const denied = new DeniedSet();
  sid.forEach((id) => denied.denySession(id, Infinity));
  jti.forEach((id) => denied.denyToken(id, Infinity));
  for (const { kind, id, before } of kinds) {
    if (kind === "client") denied.denyClient(id, before, Infinity);
    if (kind === "user") denied.denyUser(id, before, Infinity);
  }
  return denied;
}

async function verifier({ issuer, audiences, leeway = 0, now, jwks, denied, realm, resource, scopes }) {
  const keys = await readJwks(typeof jwks === "string" ? jwks : JSON.stringify(jwks));
  const described = resource && resourceOf(resource, issuer, scopes);
  return new Verifier({
    keys: { keys, isStale: false, renew: async () => false },
    feed: { denied: deniedSet(denied), isTooStale: false, staleness: 0, settled: Promise.resolve() },
    expected: { issuer, audiences, leeway },
    rendering: { realm: realm ?? audiences[0], problemTypes: undefined, resourceMetadata: described?.url },
    resource: described,
    now: () => now,
    close: () => {},
  });
}

const codeOf = (error) => {
  if (error instanceof Refusal || error instanceof TokenError) return error.code;
  throw error;
};

async function tokens(one) {
  const result = await (await verifier(one)).verify(text(one.token)).catch(codeOf);
  assert.deepEqual(typeof result === "string" ? result : "ok", one.expected);
  if (one.expected === "ok" && one.claims) assert.equal(JSON.stringify(sorted(result)), JSON.stringify(sorted(one.claims)));
}

/** Names in order; `assert.deepEqual` would take `__proto__` for more than a name. */
function sorted(value) {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== "object" || value === null) return value;
  return Object.entries(value).sort(([one], [other]) => (one < other ? -1 : 1)).map(([name, member]) => [name, sorted(member)]);
}

async function jwks({ document, expected, usable, tokens: some = [], ...file }) {
  const keys = await readJwks(document).catch(() => undefined);
  assert.equal(keys ? "ok" : "refused", expected);
  assert.deepEqual([...(keys?.keys() ?? [])].sort(), [...new Set(usable ?? [])].sort());
  for (const one of some) await tokens({ ...file, jwks: document, ...one });
}

async function denylist({ documents, expected, denied, cursor, complete, lag: expectedLag, issuer, now, jwks: set }) {
  const keys = await readJwks(JSON.stringify(set));
  const known = new DeniedSet();
  let [result, last, unknownUntil] = ["ok", undefined, -Infinity];
  for (const [index, document] of documents.entries()) {
    const page = await verifyPage(text(document), keys, issuer, now).catch(codeOf);
    if (typeof page === "string") {
      assert.equal(index, documents.length - 1, "the ones before it are accepted");
      result = page;
    } else {
      last = page;
      page.addTo(known);
      unknownUntil = Math.max(unknownUntil, page.unknownUntil);
    }
  }
  assert.equal(result, expected);
  const isComplete = result === "ok" && !last.more && now >= unknownUntil;
  assert.equal(isComplete, complete);
  assert.equal(last?.cursor ?? null, cursor);
  if (isComplete) assert.equal(lag(last.iat, last.as_of, now), expectedLag);
  const order = ({ sid = [], jti = [], kinds = [] }) =>
    [[...sid].sort(), [...jti].sort(), kinds.map(({ kind, id, before }) => `${kind} ${id} ${before}`).sort()];
  assert.deepEqual(order(known.content), order(denied ?? {}));
}

async function metadata({ issuer, document, expected, jwks_uri, denylist_uri }) {
  let read;
  try {
    read = readMetadata(issuer, document);
  } catch {
    return assert.equal("refused", expected);
  }
  assert.equal("ok", expected);
  assert.deepEqual({ ...read }, { jwks_uri, denylist_uri: denylist_uri ?? undefined });
}

async function requests(one) {
  const { headers, role, scope, login, status, code, www_authenticate: challenge } = one;
  const answered = await answer((await verifier(one)).requireToken({ role, scope, login }), headers);
  assert.deepEqual([answered.status, answered.code], [status, code]);
  const withoutDescription = (text) => (code === "invalid_request" ? text?.replace(/error_description="[^"]*"/, "") : text);
  assert.equal(withoutDescription(answered.challenge), withoutDescription(challenge));
}

/** What the middleware answers to a request with these header lines. */
function answer(middleware, lines) {
  const request = { headers: {}, rawHeaders: lines.flatMap(([name, value]) => [name, Buffer.from(value).toString("latin1")]) };
  return new Promise((resolve, reject) => {
    let sent;
    const response = {
      writeHead: (status, headers) => (sent = { status, challenge: headers["www-authenticate"] ?? null }),
      end: (body) => resolve({ ...sent, code: JSON.parse(body).code }),
    };
    middleware(request, response, (error) => (error ? reject(error) : resolve({ status: 200, code: null, challenge: null })));
  });
}

async function resource({ issuer, resource: url, scopes, expected, metadata_url, path, metadata: document }) {
  let described;
  try {
    described = resourceOf(url, issuer, scopes);
  } catch {
    return assert.equal("refused", expected);
  }
  assert.equal("ok", expected);
  assert.deepEqual(described, { url: metadata_url, path, metadata: document });
}

const RUN = { tokens, jwks, denylist, metadata, requests, resource };

test("the corpus is there, if it was named", () => assert.ok(!process.env.CORPUS || FILES.length >= 6, FOLDER));

for (const name of FILES) {
  const kind = name.replace(/(-.*)?\.json$/, "");
  const { cases, description, ...file } = JSON.parse(readFileSync(`${FOLDER}/${name}`, "utf8"));
  test(`${name}: ${description} (${cases.length} cases)`, async () => {
    assert.ok(RUN[kind], `the kind ${kind} is known`);
    const failed = [];
    for (const one of cases) {
      await RUN[kind]({ ...file, ...one }).catch((error) => failed.push(`${one.name}: ${error.message}`));
    }
    assert.deepEqual(failed, []);
  });
}
