// What only a browser shows of an application with a server, on another site than the service: cookies that are sent or not,
// what the pages' policies let through, and answers as they arrive.
import assert from "node:assert/strict";
import { createServer } from "node:http";
import * as client from "openid-client";
import { decide, launch, logIn } from "./app.mjs";
import { issuer, register, step } from "./harness.mjs";

// The application keeps what it gets, and shows a page of the moment.
const received = [];
let start = "";
const server = createServer((request, response) => {
  let body = "";
  request.on("data", (data) => (body += data));
  request.on("end", () => {
    const { pathname, searchParams } = new URL(request.url, "http://localhost");
    const answer = request.method === "POST" ? new URLSearchParams(body) : searchParams;
    if (pathname !== "/start") received.push({ method: request.method, pathname, answer, headers: request.headers });
    response.setHeader("content-type", "text/html");
    response.end(pathname === "/start" ? start : "<p>Notes</p>");
  });
});
await new Promise((resolve) => server.listen(0, "localhost", resolve));
const origin = `http://localhost:${server.address().port}`;
const redirect_uri = `${origin}/callback?tenant=a%20b`;

const { client_id } = register("Notes", "--redirect-uri", redirect_uri, "--redirect-uri", "com.example.notes:/callback",
  "--post-logout-redirect-uri", `${origin}/goodbye`);
const challenge = await client.calculatePKCECodeChallenge(client.randomPKCECodeVerifier());
const asked = (parameters) => ({ client_id, redirect_uri, response_type: "code", scope: "openid profile", state: "a-state",
  code_challenge: challenge, code_challenge_method: "S256", ...parameters });
const url = (parameters) => `${issuer}/oauth/authorize?${new URLSearchParams(asked(parameters))}`;
const escaped = (text) => text.replace(/[&<>"]/g, (char) => `&#${char.charCodeAt(0)};`);
const input = ([name, value]) => `<input name="${name}" value="${escaped(value)}">`;
const form = (action, fields) =>
  `<form method="post" action="${escaped(action)}">${Object.entries(fields).map(input).join("")}<button>Go</button></form>`;

const browser = await launch();
const context = await browser.newContext({ ignoreHTTPSErrors: true });
const page = await context.newPage();

/** What the application gets as an answer of this path. */
async function answer(pathname = "/callback") {
  await page.waitForURL(`${origin}${pathname}**`);
  const last = received.findLast((one) => one.pathname === pathname);
  assert.ok(last, `nothing has arrived at ${pathname}`);
  received.length = 0;
  return last;
}

/** Opens a page of the application with this form, and sends it. */
async function post(action, fields) {
  start = form(action, fields);
  await page.goto(`${origin}/start`);
  await page.click("button");
}

// What would end an attribute, a refresh or a parameter.
const state = `a b&c=d"'<>;url=http://elsewhere.example/ é%2B+ \u{1F600}`;

await step("the answer arrives as it was meant, and tells nothing of where it comes from", async () => {
  await page.goto(url({ state }));
  await logIn(page);
  await decide(page, "allow");
  const { answer: got, headers } = await answer();
  assert.equal(got.get("state"), state);
  assert.equal(got.get("tenant"), "a b");
  assert.equal(got.get("iss"), issuer);
  assert.equal(headers.referer, undefined);
});

await step("the cookies are HttpOnly and SameSite=Lax; over TLS they are Secure and of this host alone", async () => {
  const cookies = await context.cookies(issuer);
  assert.ok(cookies.length >= 2, JSON.stringify(cookies));
  for (const { name, httpOnly, sameSite, secure } of cookies) {
    assert.ok(httpOnly && sameSite === "Lax", name);
    assert.deepEqual([secure, name.startsWith("__Host-ts_")], Array(2).fill(issuer.startsWith("https:")), name);
  }
});

await step("form_post without a click, with and without a page before it", async () => {
  await page.goto(url({ response_mode: "form_post", state })).catch(() => {}); // It is gone before it has loaded.
  const silent = await answer();
  assert.equal(silent.method, "POST");
  assert.equal(silent.answer.get("state"), state);
  await page.goto(url({ response_mode: "form_post", prompt: "consent" }));
  await decide(page, "allow");
  const allowed = await answer();
  assert.equal(allowed.method, "POST");
  assert.ok(allowed.answer.get("code"));
});

await step("an authorization request by POST from another site knows who is signed in", async () => {
  await post(`${issuer}/oauth/authorize`, asked({ prompt: "none" }));
  assert.ok((await answer()).answer.get("code"));
});

await step("a new scope is asked for alone", async () => {
  await page.goto(url({ scope: "openid profile email" }));
  assert.equal(await page.locator("main li").count(), 1, await page.innerText("main"));
  await decide(page, "allow");
  await answer();
});

await step("an app with a scheme of its own", async () => {
  // In a tab of its own: Chromium asks there whether it may open the app, and takes no other input.
  const tab = await context.newPage();
  await tab.goto(url({ redirect_uri: "com.example.notes:/callback", prompt: "consent" }));
  assert.ok((await tab.innerText("main")).includes("com.example.notes"));
  await decide(tab, "allow");
  assert.match(await tab.getAttribute("main a", "href"), /^com\.example\.notes:\/callback\?code=/);
  await tab.close();
});

await step("neither another browser, another site nor a frame can use an interaction", async () => {
  await page.goto(url({ prompt: "consent" }));
  const interaction = page.url();
  const other = await (await browser.newContext({ ignoreHTTPSErrors: true })).newPage();
  assert.equal((await other.goto(interaction)).status(), 403);
  const [refused] = await Promise.all([
    page.waitForResponse((response) => response.request().method() === "POST"),
    post(interaction, { decision: "allow" }),
  ]);
  assert.equal(refused.status(), 403);
  start = `<iframe src="${escaped(url({ prompt: "login" }))}"></iframe>`;
  const [, framed] = await Promise.all([page.goto(`${origin}/start`), page.waitForEvent("requestfailed")]);
  assert.ok(framed.url().startsWith(issuer), framed.url());
});

await step("logout by POST from another site asks, and comes back with the state", async () => {
  await post(`${issuer}/oauth/logout`, { client_id, post_logout_redirect_uri: `${origin}/goodbye`, state });
  await page.waitForURL(`${issuer}/oauth/logout**`);
  await page.click("main button");
  assert.equal((await answer("/goodbye")).answer.get("state"), state);
  await page.goto(url({ prompt: "none" }));
  assert.equal((await answer()).answer.get("error"), "login_required");
});

await browser.close();
server.close();
