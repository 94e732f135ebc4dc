// Requests that pages have a browser send to the service, in Chromium: pages of its own origin, of another host of its site, and of
// another site. What the browser says of them, what the service answers, and what cookies and database hold afterwards.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync } from "node:fs";
import { Agent, request as forward } from "node:http";
import { createServer } from "node:https";
import { createInterface } from "node:readline";
import { chromium } from "playwright-core";
import { listen, PASSWORD, Service, start, step, until } from "./harness.mjs";

const folder = `${process.env.FOLDER}/csrf`;
mkdirSync(folder, { recursive: true });
const [keyFile, certificateFile] = [`${folder}/tls.key`, `${folder}/tls.crt`];
execFileSync("openssl", ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=test",
  "-keyout", keyFile, "-out", certificateFile], { stdio: "ignore" });

/** What an older browser does not send. */
const BROWSERS = {
  "a browser of today": [],
  "a browser without fetch metadata": ["sec-fetch-site", "sec-fetch-mode", "sec-fetch-dest", "sec-fetch-user"],
  "a browser that says nothing": ["sec-fetch-site", "sec-fetch-mode", "sec-fetch-dest", "sec-fetch-user", "origin"],
};
const [TODAY, , SILENT] = Object.keys(BROWSERS);
let withheld = [];
/** Each request to the service, as the browser has sent it, with the answer. */
let seen = [];
let service;
const agent = new Agent({ keepAlive: true });

// All hosts are here: the service's origin has its own pages and the service, the others have pages only.
const front = createServer({ key: readFileSync(keyFile), cert: readFileSync(certificateFile) }, (request, response) => {
  const { pathname, searchParams } = new URL(request.url, "https://any.test");
  if (pathname === "/page") {
    const sandbox = searchParams.has("sandbox") && { "content-security-policy": "sandbox allow-scripts allow-forms allow-top-navigation" };
    response.writeHead(200, { "content-type": "text/html", ...sandbox });
    return response.end('<!doctype html><title>A page</title><link rel="icon" href="data:,"><body>');
  }
  if (!request.headers.host.startsWith("id.example.test")) {
    // An endpoint of the attacker that sends requests on.
    return response.writeHead(307, { location: `${issuer}${request.url}`, "access-control-allow-origin": "*" }).end();
  }
  const record = {
    method: request.method, path: pathname, site: request.headers["sec-fetch-site"], origin: request.headers.origin,
    hasCookie: /ts_(access|refresh)=/.test(request.headers.cookie ?? ""),
  };
  seen.push(record);
  const headers = { ...request.headers, "x-forwarded-for": "127.0.0.1" };
  // With a preflight every browser sends an origin.
  const isPreflight = request.headers["access-control-request-method"] !== undefined;
  for (const name of withheld) if (!isPreflight) delete headers[name];
  const { hostname, port } = new URL(service.address);
  const sent = forward({ hostname, port, path: request.url, method: request.method, headers, agent }, (answer) => {
    const parts = [];
    answer.on("data", (part) => parts.push(part));
    answer.on("end", () => {
      const body = Buffer.concat(parts);
      const isProblem = answer.headers["content-type"] === "application/problem+json" && body.length > 0;
      record.answer = `${answer.statusCode}${isProblem ? ` ${JSON.parse(body).code}` : ""}`;
      response.writeHead(answer.statusCode, answer.rawHeaders).end(body);
    });
  });
  sent.on("error", () => response.writeHead(502).end());
  request.pipe(sent);
});
const port = await listen(front);
const issuer = `https://id.example.test:${port}`;
const PAGES = {
  "same-origin": `${issuer}/page`,
  "same-site": `https://app.example.test:${port}/page`,
  "cross-site": `https://other.test:${port}/page`,
  // On our own host, but its origin is none: what an app shows of its users in a sandbox.
  sandbox: `${issuer}/page?sandbox`,
};
const APP = `${PAGES["same-site"]}?app`;
service = await Service.start(folder, { issuer });
service.addUser("ada", "--role", "admin");
service.addUser("mallory");
service.operate("clients", "create", "Notes", "--id", "notes", "--redirect-uri", APP);
const mallory = await service.login("mallory");
const { sub: malloryId } = JSON.parse(Buffer.from(mallory.access_token.split(".")[1], "base64url"));

const cookies = (more) => JSON.stringify({ ...more, cookies: true });
const asMallory = { username: "mallory", password: PASSWORD };
const planted = { refresh_token: mallory.refresh_token };
const toApp = {
  client_id: "notes", response_type: "code", redirect_uri: APP, scope: "openid", code_challenge: "A".repeat(43), code_challenge_method: "S256",
};
const REFUSED = "403 csrf_refused";
const MISSING = "401 access_token_missing";
const NO_GET = "405 method_not_allowed";
const NO_FORM = "415 unsupported_media_type";

/** What the service answers to its own pages, to those of another host of the site, and to others. */
const answers = (own, sameSite, others) => ({ "same-origin": own, "same-site": sameSite, "cross-site": others, sandbox: others });
const toAll = (answer) => answers(answer, answer, answer);
/** The browser asks the service before it sends this for a page of another origin; no other request arrives. */
const asked = (own) => ({ ...answers(own, "403 origin_not_allowed", "403 origin_not_allowed"), isAsked: true, mode: "cors" });
const asJson = (body) => ({ type: "application/json", body: JSON.stringify(body) });

/** Requests, by the way that a page sends them. One whose first answer is a success changes something, but for `changes: false`. */
const REQUESTS = [
  // Reading.
  { by: "link", path: "/v1/me", ...toAll("200"), changes: false },
  { by: "image", path: "/v1/me", ...answers("200", "200", MISSING), changes: false },
  { by: "frame", path: "/v1/me", ...answers("200", "200", MISSING), changes: false },
  { by: "fetch", path: "/v1/me", ...answers("200", "200", MISSING), changes: false },
  { by: "fetch", path: "/v1/me", method: "HEAD", ...answers("200", "200", "401"), changes: false },
  { by: "fetch", path: "/v1/me", mode: "cors", ...answers("200", "200", MISSING), changes: false },
  { by: "fetch", path: "/v1/me", credentials: "omit", ...toAll(MISSING) },
  { by: "link", path: "/v1/logout", ...toAll(NO_GET) },
  { by: "link", path: "/oauth/logout", ...toAll("200"), changes: false },
  // Carrying cookies, as any page can.
  { by: "fetch", path: "/v1/logout", method: "POST", ...answers("204", REFUSED, MISSING) },
  { by: "fetch", path: "/v1/logout", method: "POST", mode: "cors", ...answers("204", REFUSED, MISSING) },
  { by: "fetch", path: "/v1/logout", method: "POST", credentials: "omit", ...toAll(MISSING) },
  { by: "fetch", path: "/v1/logout/all", method: "POST", ...answers("200", REFUSED, MISSING) },
  { by: "beacon", path: "/v1/logout", method: "POST", ...answers("204", REFUSED, MISSING) },
  { by: "form", path: "/v1/logout", method: "POST", ...answers("204", REFUSED, MISSING) },
  { by: "form", path: "/v1/logout", method: "POST", target: "frame", ...answers("204", REFUSED, MISSING) },
  { by: "form", path: "/v1/logout", method: "POST", via: "same-site", ...answers(REFUSED, REFUSED, MISSING) },
  { by: "form", path: "/v1/logout", method: "POST", via: "cross-site", ...answers(REFUSED, REFUSED, MISSING) },
  { by: "form", path: "/v1/tokens/refresh", method: "POST", body: cookies(), ...toAll(NO_FORM) },
  { by: "form", path: "/v1/me/reauthenticate", method: "POST", body: JSON.stringify({ password: PASSWORD }), ...answers(NO_FORM, REFUSED, MISSING) },
  // Carrying cookies, with JSON, or a method or header that forms do not have.
  { by: "fetch", path: "/v1/tokens/refresh", method: "POST", ...asked("200"), ...asJson({ cookies: true }) },
  { by: "fetch", path: "/v1/me/reauthenticate", method: "POST", ...asked("200"), ...asJson({ password: PASSWORD }) },
  { by: "fetch", path: "/v1/me/profile", method: "PATCH", ...asked("200"), ...asJson({ name: "NEW" }), keepsCookies: true },
  { by: "fetch", path: `/v1/admin/users/${malloryId}/roles`, method: "PUT", ...asked("200"), ...asJson({ roles: ["NEW"] }), keepsCookies: true },
  { by: "fetch", path: "/v1/sessions/SPARE", method: "DELETE", ...asked("204"), keepsCookies: true },
  { by: "fetch", path: "/v1/logout", method: "POST", hasHeader: true, ...asked("204") },
  // Setting cookies: the user would be signed in as somebody else.
  { by: "form", path: "/v1/tokens", method: "POST", body: cookies(asMallory), ...toAll(NO_FORM), sets: true },
  { by: "fetch", path: "/v1/tokens", method: "POST", body: cookies(asMallory), ...toAll(NO_FORM), sets: true },
  { by: "fetch", path: "/v1/tokens", method: "POST", ...asked("200"), ...asJson({ ...asMallory, cookies: true }), sets: true },
  { by: "fetch", path: "/v1/tokens/refresh", method: "POST", body: cookies(planted), ...toAll(NO_FORM), sets: true },
  { by: "form", path: "/login?return_to=/page?in", method: "POST", fields: asMallory, ...answers("303", "403", "403"), sets: true },
  { by: "form", path: "/login?return_to=/page?in", method: "POST", target: "frame", fields: asMallory, ...answers("303", "403", "403"), sets: true },
  { by: "fetch", path: "/login?return_to=/page?in", method: "POST", fields: asMallory, ...answers("303", "403", "403"), sets: true },
  { by: "form", path: "/oauth/logout/confirm", method: "POST", fields: {}, ...answers("303", "403", "403"), changes: false },
  // These may come from anywhere: they read no cookie, and lead to a page that asks.
  { by: "form", path: "/oauth/authorize", method: "POST", fields: toApp, ...toAll("303"), changes: false },
  { by: "form", path: "/oauth/logout", method: "POST", fields: {}, ...toAll("303"), changes: false },
];

/** The answer that a request gets. A browser that says nothing is believed only if it sends a header that forms do not have. */
function expected(browserName, where, request) {
  if (browserName !== SILENT || where !== "same-origin" || request.hasHeader) return request[where];
  return request.isAsked ? REFUSED : request["same-site"];
}

const SNAPSHOT = `import sqlite3, sys
d = sqlite3.connect(sys.argv[1], timeout=30, isolation_level=None)
for line in sys.stdin:
    sessions = d.execute("select id, user_id, denied_through, rotated_at, authenticated_at, ended_at, end_reason from sessions order by id")
    print([list(sessions), list(d.execute("select id, name, roles from users order by id"))], flush=True)`;
const database = start("python3", ["-c", SNAPSHOT, `${folder}/tokensmith.db`], { stdio: ["pipe", "pipe", "inherit"] });
const snapshots = createInterface({ input: database.stdout })[Symbol.asyncIterator]();
/** What the database holds of sessions and users. */
async function stored() {
  database.stdin.write("\n");
  return (await snapshots.next()).value;
}

const browser = await chromium.launch({
  executablePath: "/usr/bin/chromium", args: ["--no-sandbox", "--host-resolver-rules=MAP *.test 127.0.0.1"],
});

/** The session cookies of a browser. */
async function jar(context) {
  const all = await context.cookies();
  return all.filter(({ name }) => name.includes("ts_access") || name.includes("ts_refresh")).map(({ name, value }) => `${name}=${value}`).sort();
}

/** Logs Ada in, by a page of the service's origin. */
async function logIn(context) {
  const page = await context.newPage();
  await page.goto(PAGES["same-origin"]);
  const status = await page.evaluate((body) => fetch("/v1/tokens", {
    method: "POST", headers: { "content-type": "application/json", "x-requested-with": "test" }, body,
  }).then((response) => response.status), cookies({ username: "ada", password: PASSWORD }));
  assert.equal(status, 200);
  await page.close();
}

/** Sends a request as a page does; runs in that page. */
function send({ by, url, method = "GET", mode, credentials, hasHeader, type, body, fields, target }) {
  const place = document.body;
  if (by === "link") {
    const link = Object.assign(document.createElement("a"), { href: url, textContent: "here" });
    place.append(link);
    return link.click();
  }
  if (by === "image") return place.append(Object.assign(new Image(), { src: url }));
  if (by === "frame") return place.append(Object.assign(document.createElement("iframe"), { src: url }));
  if (by === "beacon") return void navigator.sendBeacon(url, body);
  if (by === "form") {
    if (target) place.append(Object.assign(document.createElement("iframe"), { name: target }));
    const form = Object.assign(document.createElement("form"), { action: url, method, target: target ?? "" });
    // Such a form sends `name=value`: JSON with a member that swallows the sign.
    if (body) form.enctype = "text/plain";
    const pairs = body ? { [`${body.slice(0, -1)},"a":"`]: '"}' } : fields ?? {};
    for (const [name, value] of Object.entries(pairs)) form.append(Object.assign(document.createElement("input"), { type: "hidden", name, value }));
    place.append(form);
    return form.submit();
  }
  const headers = { ...(type && { "content-type": type }), ...(hasHeader && { "x-requested-with": "page" }) };
  const content = fields ? new URLSearchParams(fields) : body;
  fetch(url, { method, mode: mode ?? "no-cors", credentials: credentials ?? "include", headers, body: content }).catch(() => {});
}

/** Sends a request from a page; returns what has arrived at the service first, when all is answered. */
async function sent(page, where, request) {
  if (page.url() !== PAGES[where]) await page.goto(PAGES[where]);
  seen = [];
  await page.evaluate(send, { ...request, url: (request.via ? new URL(PAGES[request.via]).origin : issuer) + request.path });
  await until(JSON.stringify(request), () => seen.length > 0 && seen.every(({ answer }) => answer !== undefined));
  const [first] = seen;
  const leaves = request.by === "link" || (request.by === "form" && !request.target);
  if (leaves && first.answer !== "204") await page.waitForURL((url) => url.href !== PAGES[where]);
  return first;
}

/** Sends a request, and compares all that it does with what it should. */
async function judge(page, browserName, where, request) {
  const context = page.context();
  const before = { jar: await jar(context), stored: await stored() };
  const { site, hasCookie, method, answer } = await sent(page, where, request);
  assert.equal(answer, expected(browserName, where, request));
  assert.equal(site, request.via === "cross-site" || where === "sandbox" ? "cross-site" : where === "same-origin" ? request.via ?? where : where);
  const isOfSite = where === "same-origin" || where === "same-site" || request.by === "link";
  assert.equal(hasCookie, before.jar.length > 0 && isOfSite && method !== "OPTIONS" && request.credentials !== "omit", "whether it has cookies");
  if (method === "OPTIONS") assert.equal(seen.length, 1, "whether more than the question has arrived");
  const after = { jar: await jar(context), stored: await stored() };
  const isDone = /^(2|303)/.test(answer) && request.changes !== false;
  assert.equal(after.stored !== before.stored, isDone, "whether sessions or users have changed");
  assert.equal(String(after.jar) !== String(before.jar), isDone && !request.keepsCookies, "whether cookies have changed");
  return isDone;
}

let count = 0;
/** All requests from the pages of a place, in a browser where somebody is signed in. */
async function judgeAll(browserName, where, requests, isSignedIn) {
  const context = await browser.newContext({ ignoreHTTPSErrors: true });
  const page = await context.newPage();
  if (isSignedIn) await logIn(context);
  for (const { path, body, ...rest } of requests) {
    const spare = path.includes("SPARE") ? (await service.login("ada")).session_id : "";
    const request = { ...rest, path: path.replace("SPARE", spare), body: body?.replace("NEW", `new${(count += 1)}`) };
    try {
      if (await judge(page, browserName, where, request) && !request.keepsCookies) await logIn(context);
    } catch (error) {
      console.error(`  ${where}: ${JSON.stringify(request)}; arrived: ${JSON.stringify(seen)}`);
      throw error;
    }
  }
  await context.close();
}

for (const [browserName, headers] of Object.entries(BROWSERS)) {
  withheld = headers;
  // An older browser says the same of a sandbox as of another site.
  for (const where of Object.keys(PAGES).filter((where) => browserName === TODAY || where !== "sandbox")) {
    await step(`${browserName}, ${where}: ${REQUESTS.length} requests`, async () => {
      await judgeAll(browserName, where, REQUESTS, true);
      if (where !== "same-origin") await judgeAll(browserName, where, REQUESTS.filter(({ sets }) => sets), false);
    });
  }
}

withheld = [];
await step("an address that a person types, or a bookmark, only reads", async () => {
  const context = await browser.newContext({ ignoreHTTPSErrors: true });
  await logIn(context);
  const before = await stored();
  const page = await context.newPage();
  seen = [];
  for (const path of ["/v1/me", "/v1/logout", "/oauth/logout"]) await page.goto(issuer + path);
  const typed = seen.filter(({ site }) => site === "none");
  assert.deepEqual(typed.map(({ answer }) => answer), ["200", NO_GET, "200"]);
  assert.equal(await stored(), before);
  await context.close();
});

await step("what an application asks for is allowed on our page only", async () => {
  const context = await browser.newContext({ ignoreHTTPSErrors: true });
  await logIn(context);
  const consent = await context.newPage();
  await consent.goto(`${issuer}/oauth/authorize?${new URLSearchParams(toApp)}`);
  assert.match(consent.url(), /\/oauth\/interactions\//);
  const page = await context.newPage();
  for (const where of ["same-site", "cross-site", "sandbox"]) {
    const path = new URL(consent.url()).pathname;
    const { answer, hasCookie } = await sent(page, where, { by: "form", path, method: "POST", fields: { decision: "allow" } });
    assert.deepEqual([answer, hasCookie], ["403", where === "same-site"], where);
  }
  await consent.click("[name=decision][value=allow]");
  await consent.waitForURL((url) => url.href.startsWith(APP) && url.searchParams.has("code"));
  await context.close();
});

await step("an app of the site that is named in CORS_ORIGINS may all that, and its neighbours and sandboxes may not", async () => {
  await service.stop();
  service.env.CORS_ORIGINS = new URL(APP).origin;
  await service.run();
  const context = await browser.newContext({ ignoreHTTPSErrors: true });
  const page = await context.newPage();
  /** Posts JSON with cookies, from the page that is open. */
  const post = async (path, body, method = "POST") => {
    seen = [];
    const init = { method, credentials: "include", headers: { "content-type": "application/json" }, body: JSON.stringify(body) };
    await page.evaluate(([url, init]) => fetch(url, init).then(() => {}, () => {}), [issuer + path, init]);
    return seen.at(-1).answer;
  };
  const places = {
    named: PAGES["same-site"], sandbox: `${PAGES["same-site"]}?sandbox`, cross: PAGES["cross-site"],
    neighbour: `https://app2.example.test:${port}/page`,
  };
  const ada = { username: "ada", password: PASSWORD, cookies: true };
  await page.goto(places.named);
  assert.equal(await post("/v1/tokens", ada), "200");
  assert.equal(await post("/v1/me/profile", { name: "Ada of the app" }, "PATCH"), "200");
  const [before, held] = [await stored(), await jar(context)];
  for (const where of ["sandbox", "neighbour", "cross"]) {
    await page.goto(places[where]);
    for (const path of ["/v1/tokens", "/v1/tokens/refresh", "/v1/logout"]) assert.equal(await post(path, ada), "403 origin_not_allowed", where);
  }
  assert.equal(await stored(), before);
  assert.deepEqual(await jar(context), held);
  await page.goto(places.named);
  assert.equal(await post("/v1/tokens/refresh", { cookies: true }), "200");
  assert.equal(await post("/v1/logout", {}), "204");
  assert.deepEqual(await jar(context), []);
  await context.close();
});

await browser.close();
front.close();
front.closeAllConnections();
agent.destroy();
database.stdin.end();
await service.stop();
