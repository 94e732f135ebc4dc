// The verifier beside an issuer: keys, denylist, and what happens while the issuer is out of reach.
import assert from "node:assert/strict";
import test, { afterEach, beforeEach } from "node:test";
import { createVerifier } from "../dist/verify/index.js";
import { AUDIENCE, Issuer, ISSUER, stopTime } from "./issuer.mjs";

let time;
let issuer;
const open = [];

beforeEach(async () => {
  time = stopTime();
  issuer = await Issuer.start(time);
});

afterEach(() => {
  open.splice(0).forEach((verifier) => verifier.close());
  time.restore();
});

function verifier(options) {
  const made = issuer.verifier(options);
  open.push(made);
  return made;
}

/** "ok", or the code of the refusal. */
async function judged(verifier, token) {
  const result = verifier.verify(await token).then(() => "ok", ({ code }) => code);
  await time.pass(100);
  return result;
}

const down = () => {
  throw new TypeError("fetch failed");
};

test("a token is verified with the keys that the issuer's metadata names", async () => {
  const one = verifier();
  assert.equal(await judged(one, issuer.token()), "ok");
  assert.equal((await one.verify(await issuer.token())).sub, "u1");
  assert.equal(await judged(one, issuer.token({ aud: "https://other.test" })), "token_wrong_audience");
  assert.equal(issuer.count("/keys"), 1);
});

test("claims that the operator has defined are read by their names", async () => {
  const token = await issuer.token({ plan: "pro", "https://example.com/seats": { used: [1, 2] } });
  const claims = await verifier().verify(token);
  assert.equal(claims.plan, "pro");
  assert.deepEqual(claims["https://example.com/seats"], { used: [1, 2] });
});

test("an issuer that has only OpenID Connect Discovery is found, and one that says it is another is not", async () => {
  issuer.instead = (url) => {
    if (url.endsWith("/.well-known/oauth-authorization-server")) return new Response("", { status: 404 });
    return url.endsWith("/.well-known/openid-configuration") ? Response.json(issuer.metadata) : undefined;
  };
  assert.equal(await judged(verifier(), issuer.token()), "ok");
  issuer.metadata.issuer = "https://evil.test";
  assert.equal(await judged(verifier(), issuer.token()), "keys_unavailable");
});

test("an unknown key is fetched at once, and then at most once per cooldown", async () => {
  const one = verifier({ denylist: "ignore" });
  assert.equal(await judged(one, issuer.token()), "ok");
  await issuer.addKey("two");
  assert.equal(await judged(one, issuer.token()), "ok");
  assert.equal(issuer.count("/keys"), 2);
  await issuer.addKey("three");
  for (let count = 0; count < 20; count += 1) assert.equal(await judged(one, issuer.token()), "token_unknown_key");
  assert.equal(issuer.count("/keys"), 2);
  await time.pass(30_000);
  assert.equal(await judged(one, issuer.token()), "ok");
  assert.equal(issuer.count("/keys"), 3);
});

test("a token that was verified before is checked again, but for its signature, and not with other keys", async () => {
  const one = verifier();
  const token = await issuer.token();
  const claims = await Promise.all([one.verify(token), time.pass(100)]).then(([claims]) => claims);
  claims.sub = "somebody else";
  assert.equal((await one.verify(token)).sub, "u1", "claims are not shared");
  assert.equal(await judged(one, `${token.slice(0, -4)}AAAA`), "token_bad_signature");
  issuer.denials.push({ sid: claims.sid, exp: issuer.seconds + 300 });
  await time.pass(300);
  assert.equal(await judged(one, token), "token_revoked");
  await time.pass(301_000);
  assert.equal(await judged(one, token), "token_expired");
  const fresh = await issuer.token({ sid: undefined, exp: issuer.seconds + 3_600 });
  assert.equal(await judged(one, fresh), "ok");
  issuer.keys = [];
  await issuer.addKey("one");
  await time.pass(301_000);
  assert.equal(await judged(one, fresh), "token_bad_signature", "the key of that name is another one");
});

test("many requests with an unknown key wait for one fetch", async () => {
  const one = verifier({ denylist: "ignore" });
  await judged(one, issuer.token());
  await issuer.addKey("two");
  const token = await issuer.token();
  const results = Promise.all(Array.from({ length: 50 }, () => one.verify(token)));
  await time.pass(100);
  assert.equal((await results).length, 50);
  assert.equal(issuer.count("/keys"), 2);
});

test("keys are fetched again before they expire, and the old ones stay while the issuer is down", async () => {
  const one = verifier({ denylist: "ignore" });
  const token = await issuer.token({ exp: issuer.seconds + 86_400 });
  await judged(one, token);
  await time.pass(241_000);
  assert.equal(issuer.count("/keys"), 2);
  issuer.instead = down;
  await time.pass(600_000);
  assert.equal(await judged(one, token), "ok");
  assert.equal(one.log.length, 1);
  issuer.instead = () => undefined;
  await time.pass(31_000);
  assert.equal(one.log.at(-1), "the issuer's keys can be fetched again");
});

test("a key that the denylist announces is fetched at once, whatever the cooldown", async () => {
  const one = verifier({ cooldown: 3_600 });
  await judged(one, issuer.token());
  for (const kid of ["two", "three"]) {
    await issuer.addKey(kid);
    await time.pass(2_500);
    assert.equal(await judged(one, issuer.token()), "ok", kid);
  }
});

test("a service that starts waits for the denylist", async () => {
  issuer.denials.push({ sid: "019a0000-0000-7000-8000-000000000001", exp: issuer.seconds + 300 });
  let letGo;
  const held = new Promise((resolve) => (letGo = resolve));
  issuer.instead = async (url) => (url.includes("/denied") ? void (await held) : undefined);
  const one = verifier();
  const result = one.verify(await issuer.token()).then(() => "ok", ({ code }) => code);
  await time.pass(1_000);
  letGo();
  await time.pass(100);
  assert.equal(await result, "token_revoked");
});

test("a session, a token, a user and a client are refused as soon as they are denied, and only new denials are asked for", async () => {
  const one = verifier();
  const session = "019a0000-0000-7000-8000-000000000001";
  assert.equal(await judged(one, issuer.token()), "ok");
  issuer.denials.push({ sid: session, exp: issuer.seconds + 300 });
  await time.pass(300);
  assert.equal(await judged(one, issuer.token()), "token_revoked");
  assert.equal(await judged(one, issuer.token({ sid: "019a0000-0000-7000-8000-000000000002" })), "ok");
  issuer.denials.push({ jti: "AAECAwQFBgcICQoLDA0OEA", exp: issuer.seconds + 300 });
  issuer.kinds = [
    { kind: "user", sub: "u2", issued_before: issuer.seconds + 61, exp: issuer.seconds + 300 },
    { kind: "client", client_id: "app", issued_before: issuer.seconds + 61, exp: issuer.seconds + 300 },
  ];
  await time.pass(300);
  const other = { sid: undefined };
  assert.equal(await judged(one, issuer.token({ ...other, jti: "AAECAwQFBgcICQoLDA0OEA" })), "token_revoked");
  assert.equal(await judged(one, issuer.token({ ...other, sub: "u2" })), "token_revoked");
  assert.equal(await judged(one, issuer.token({ ...other, client_id: "app" })), "token_revoked");
  assert.equal(await judged(one, issuer.token(other)), "ok");
  assert.ok(issuer.asked.some(({ since, wait }) => since === "1" && wait === "1"));
});

test("a cursor that the issuer does not take is dropped", async () => {
  const one = verifier();
  await judged(one, issuer.token());
  issuer.instead = (url) => (url.includes("since=") ? new Response("", { status: 400 }) : undefined);
  await time.pass(2_000);
  assert.ok(one.staleness < 4, String(one.staleness));
  assert.equal(one.log[0].startsWith("cannot follow the issuer's denylist: "), true);
});

test("follow: while the issuer is out of reach, tokens count by signature and time, and the log says so once", async () => {
  const one = verifier();
  const token = await issuer.token({ exp: issuer.seconds + 3_600 });
  await judged(one, token);
  assert.ok(one.staleness <= 2, String(one.staleness));
  issuer.instead = down;
  await time.pass(60_000);
  assert.equal(await judged(one, token), "ok");
  assert.ok(one.staleness > 59, String(one.staleness));
  assert.equal(one.log.filter((line) => line.includes("denylist")).length, 1);
  issuer.instead = () => undefined;
  await time.pass(2_000);
  assert.equal(one.log.at(-1), "the issuer's denylist is followed again");
});

test("require: no token is accepted while the copy may be too old", async () => {
  const one = verifier({ denylist: { require: 10 } });
  const token = await issuer.token({ exp: issuer.seconds + 3_600 });
  assert.equal(await judged(one, token), "ok");
  issuer.instead = down;
  await time.pass(7_000);
  assert.equal(await judged(one, token), "ok");
  await time.pass(4_000);
  assert.equal(await judged(one, token), "denylist_stale");
  issuer.instead = () => undefined;
  await time.pass(2_000);
  assert.equal(await judged(one, token), "ok");
});

test("require: after sleep, during which the steady clock stood still, the copy is as old as it is", async () => {
  let asleep = 0;
  const one = verifier({ denylist: { require: 10 }, now: () => time.now() + asleep });
  const token = await issuer.token({ exp: issuer.seconds + 86_400 });
  assert.equal(await judged(one, token), "ok");
  const awake = issuer.time;
  issuer.time = { now: () => awake.now() + asleep };
  // What was under way when the machine fell asleep is not answered.
  issuer.instead = (url) => (url.includes("/denied") ? new Promise(() => {}) : undefined);
  await time.pass(300);
  asleep = 3_600_000;
  assert.equal(await judged(one, token), "denylist_stale");
  assert.ok(one.staleness >= 3_600, String(one.staleness));
});

test("a closed verifier does not begin with the next document either", async () => {
  let closed;
  issuer.instead = (url) => {
    if (!closed && url.endsWith("/.well-known/oauth-authorization-server")) {
      one.close();
      closed = issuer.asked.length;
    }
  };
  const one = verifier({ denylist: "ignore" });
  await time.pass(1_000);
  assert.equal(issuer.count("/keys"), 0);
});

test("require: a denial of an unknown kind makes the copy out of date until it ends", async () => {
  const one = verifier({ denylist: { require: 10 } });
  const token = await issuer.token({ exp: issuer.seconds + 3_600 });
  await judged(one, token);
  issuer.kinds = [{ exp: issuer.seconds + 60 }];
  await time.pass(12_000);
  assert.equal(await judged(one, token), "denylist_stale");
  issuer.kinds = [];
  await time.pass(60_000);
  assert.equal(await judged(one, token), "ok");
});

test("ignore: the denylist is never read", async () => {
  issuer.denials.push({ sid: "019a0000-0000-7000-8000-000000000001", exp: issuer.seconds + 300 });
  const one = verifier({ denylist: "ignore" });
  assert.equal(await judged(one, issuer.token()), "ok");
  await time.pass(10_000);
  assert.equal(issuer.count("/denied"), 0);
  assert.equal(one.staleness, undefined);
});

test("an issuer without a denylist is followed without one, and required it is a 503", async () => {
  delete issuer.metadata.denylist_uri;
  assert.equal(await judged(verifier(), issuer.token()), "ok");
  assert.equal(await judged(verifier({ denylist: { require: 10 } }), issuer.token()), "denylist_stale");
});

test("while the keys are not known the answer is 503 with Retry-After, and the requests to the issuer stay few", async () => {
  issuer.instead = down;
  const one = verifier({ denylist: "ignore" });
  for (let second = 0; second < 20; second += 1) {
    assert.equal(await judged(one, issuer.token()), "keys_unavailable");
    await time.pass(900);
  }
  assert.ok(issuer.asked.length <= 6, String(issuer.asked.length));
  const error = await one.verify(await issuer.token()).catch((error) => error);
  assert.deepEqual([error.status, error.headers["retry-after"], error.headers["www-authenticate"]], [503, "2", undefined]);
});

test("answers that are redirected, too large, encoded or too late count as none", async () => {
  const large = () => new Response("x".repeat(2 * 1024 * 1024));
  const answers = [
    () => new Response(null, { status: 302, headers: { location: "https://evil.test/keys" } }),
    large,
    () => new Response(issuer.jwks(), { headers: { "content-encoding": "gzip" } }),
  ];
  for (const answer of answers) {
    issuer.instead = (url) => (url.endsWith("/keys") ? answer() : undefined);
    const one = verifier({ denylist: "ignore" });
    assert.equal(await judged(one, issuer.token()), "keys_unavailable");
    assert.equal(one.log.length, 1);
  }
  issuer.instead = () => new Promise(() => {});
  const late = verifier({ denylist: "ignore" });
  issuer.fetch = (url, { signal }) => new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
  const waiting = verifier({ denylist: "ignore" });
  await time.pass(5_100);
  assert.match(waiting.log[0], /did not answer in time/);
  assert.ok(late);
});

test("options that cannot be used are errors", () => {
  const make = (options) => () => createVerifier({ issuer: ISSUER, audience: AUDIENCE, fetch: down, log: () => {}, ...options }).close();
  for (const options of [
    { issuer: "http://id.test" }, { issuer: "ftp://id.test" }, { issuer: "id.test" }, { leeway: 61 }, { leeway: -1 }, { leeway: 1.5 },
    { denylist: { require: 0 } }, { realm: "" }, { realm: "two\nlines" }, { problemTypes: "two words" },
  ]) {
    assert.throws(make(options), undefined, JSON.stringify(options));
  }
  for (const options of [{ issuer: "http://127.0.0.1:8080" }, { issuer: "http://[::1]:8080" }, { issuer: "http://id.test", allowHttp: true }]) {
    assert.doesNotThrow(make(options));
  }
});

test("realm and problem types are those of the service", async () => {
  const one = verifier({ realm: 'the "notes"', problemTypes: "https://api.test/problems/" });
  const refused = await one.authenticate(new Headers()).catch((error) => error);
  assert.deepEqual(refused.problem, {
    type: "https://api.test/problems/access_token_missing", title: "Access token missing", status: 401,
    detail: "an access token is needed", code: "access_token_missing",
  });
  assert.equal(refused.headers["www-authenticate"], 'Bearer realm="the \\"notes\\""');
  const response = refused.toResponse();
  assert.deepEqual([response.status, response.headers.get("content-type")], [401, "application/problem+json"]);
  const plain = await verifier().authenticate(new Headers()).catch((error) => error);
  assert.deepEqual([plain.problem.type, plain.problem.title], ["about:blank", "Unauthorized"]);
});

test("requests of fetch, of Node and plain headers are authenticated", async () => {
  const one = verifier();
  const token = await issuer.token({ roles: ["editor"], scope: "notes:read" });
  await judged(one, token);
  const authorization = `Bearer ${token}`;
  for (const request of [
    new Headers({ authorization }), new Request("https://api.test", { headers: { authorization } }), { headers: { authorization } },
    { headers: {}, rawHeaders: ["Authorization", authorization] },
  ]) {
    assert.equal((await one.authenticate(request, { role: "editor", scope: "notes:read", login: true })).sub, "u1");
  }
  const code = (needs) => one.authenticate({ headers: { authorization } }, needs).catch((error) => error.code);
  assert.equal(await code({ role: "admin" }), "role_missing");
  assert.equal(await code({ scope: "notes:write" }), "scope_missing");
});

test("a login that is too weak or too old gets the challenge of RFC 9470", async () => {
  const one = verifier();
  const now = issuer.seconds;
  const judge = async (claims, needs = { acr: "strong stronger", maxAge: 60 }) => {
    const token = await issuer.token(claims);
    return one.authenticate({ headers: { authorization: `Bearer ${token}` } }, needs).then(() => "in", (refusal) => refusal);
  };
  assert.equal(await judge({ acr: "stronger", auth_time: now - 60 }), "in");
  assert.equal(await judge({ acr: "weak" }, {}), "in");
  for (const claims of [{}, { acr: "strong" }, { acr: "weak", auth_time: now }, { acr: "strong", auth_time: now - 61 }]) {
    const { code, status, headers } = await judge(claims);
    assert.deepEqual([code, status], ["reauthentication_required", 401]);
    const expected = `Bearer realm="${AUDIENCE}", error="insufficient_user_authentication", acr_values="strong stronger", max_age="60", `;
    assert.ok(headers["www-authenticate"].startsWith(expected), headers["www-authenticate"]);
  }
  assert.ok(!(await judge({}, { maxAge: 0 })).headers["www-authenticate"].includes("acr_values"));
});

test("the metadata of the resource is served, and challenges name it", async () => {
  const one = verifier({ resource: "https://api.test/v2", scopes: ["notes:read"] });
  const refused = await one.authenticate(new Headers()).catch((error) => error);
  const url = "https://api.test/.well-known/oauth-protected-resource/v2";
  assert.equal(refused.headers["www-authenticate"], `Bearer realm="${AUDIENCE}", resource_metadata="${url}"`);
  const answered = [];
  const response = { writeHead: (status) => answered.push(status), end: (body) => answered.push(JSON.parse(body)) };
  one.serveMetadata({ url: "/.well-known/oauth-protected-resource/v2", headers: {} }, response, () => assert.fail());
  assert.equal(answered[0], 200);
  assert.deepEqual(answered[1].authorization_servers, [ISSUER]);
  let passed = 0;
  one.serveMetadata({ url: "/other", headers: {} }, response, () => (passed += 1));
  assert.equal(passed, 1);
});

test("a closed verifier asks for nothing more", async () => {
  const one = verifier();
  await judged(one, issuer.token());
  one.close();
  await time.pass(100);
  const asked = issuer.asked.length;
  await time.pass(600_000);
  assert.equal(issuer.asked.length, asked);
});

test("a response that was sent already, and a next that throws, are errors of the app and no unhandled rejections", async (context) => {
  const rejections = [];
  const note = (error) => rejections.push(error);
  process.on("unhandledRejection", note);
  context.after(() => process.off("unhandledRejection", note));
  const one = verifier();
  const token = await issuer.token();
  await judged(one, token);
  const sent = {
    writeHead: () => {
      throw new Error("ERR_HTTP_HEADERS_SENT");
    },
    end: () => {},
  };
  const errors = [];
  one.requireToken()({ headers: {} }, sent, (error) => errors.push(error?.message));
  await time.pass(100);
  assert.deepEqual(errors, ["ERR_HTTP_HEADERS_SENT"]);
  const next = (error) => {
    errors.push(error?.message);
    if (!error) throw new Error("of the handler");
  };
  one.requireToken()({ headers: { authorization: `Bearer ${token}` } }, sent, next);
  await time.pass(100);
  assert.deepEqual(errors.slice(1), [undefined, "of the handler"]);
  assert.deepEqual(rejections, []);
});

test("a need that is misspelt, empty or of another type is an error, not a route for everybody", async () => {
  const one = verifier();
  const token = await issuer.token({ roles: ["admin"] });
  await judged(one, token);
  for (const needs of [{ roles: "admin" }, { Role: "admin" }, { role: ["admin"] }, { scope: "" }, { role: null }, { login: "yes" }, { acr: "" }, { maxAge: "60" }, { maxAge: -1 }, "admin"]) {
    assert.throws(() => one.requireToken(needs), TypeError, JSON.stringify(needs));
    await assert.rejects(one.authenticate({ headers: { authorization: `Bearer ${token}` } }, needs), TypeError, JSON.stringify(needs));
  }
  // `app.get("/", requireToken, ...)`, which would wait for ever.
  assert.throws(() => one.requireToken({ headers: {} }, {}, () => {}), TypeError);
});

test("the header is found in whatever case, and in headers of another implementation of fetch", async () => {
  const one = verifier();
  const token = await issuer.token();
  await judged(one, token);
  const authorization = `Bearer ${token}`;
  class OtherHeaders {
    get = (name) => (name.toLowerCase() === "authorization" ? authorization : null);
  }
  for (const request of [{ headers: { Authorization: authorization } }, { headers: new OtherHeaders() }, new OtherHeaders()]) {
    assert.equal((await one.authenticate(request)).sub, "u1");
  }
  const twice = await one.authenticate({ headers: { Authorization: authorization, authorization } }).catch((error) => error);
  assert.equal(twice.code, "invalid_request");
});

test("a log that throws ends nothing", async (context) => {
  const rejections = [];
  const note = (error) => rejections.push(error);
  process.on("unhandledRejection", note);
  context.after(() => process.off("unhandledRejection", note));
  issuer.instead = down;
  const one = verifier({
    log: () => {
      throw new Error("of the log");
    },
  });
  await time.pass(3_000);
  issuer.instead = () => undefined;
  await time.pass(5_000);
  assert.equal(await judged(one, issuer.token()), "ok");
  assert.deepEqual(rejections, []);
});

test("no cache of a framework answers for the denylist, and fetch is called as itself", async () => {
  const original = globalThis.fetch;
  let self;
  globalThis.fetch = function (url, init) {
    "use strict";
    self = this;
    return issuer.fetch(url, init);
  };
  try {
    const one = verifier({ fetch: undefined });
    assert.equal(await judged(one, issuer.token()), "ok");
  } finally {
    globalThis.fetch = original;
  }
  assert.ok(self === undefined || self === globalThis);
  const polls = issuer.asked.filter(({ pathname }) => pathname === "/denied");
  assert.ok(polls.length > 0 && polls.every(({ init }) => init.cache === "no-store"));
});

test("a closed verifier says nothing, and answers from what it knows", async () => {
  issuer.fetch = (url, { signal }) => new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
  const one = verifier();
  await time.pass(100);
  one.close();
  await time.pass(100);
  assert.deepEqual(one.log, []);
  assert.equal(await judged(one, issuer.token()), "keys_unavailable");
});

test("a cooldown that is no number of seconds is an error", () => {
  for (const cooldown of [NaN, -1, Infinity]) assert.throws(() => issuer.verifier({ cooldown }).close());
});

test("a path beside the metadata, and another method, are not the metadata", async () => {
  const one = verifier({ resource: "https://api.test/v2" });
  const url = "/.well-known/oauth-protected-resource/v2";
  let passed = 0;
  const response = { writeHead: () => assert.fail(), end: () => assert.fail() };
  one.serveMetadata({ method: "POST", url, headers: {} }, response, () => (passed += 1));
  assert.equal(passed, 1);
});
