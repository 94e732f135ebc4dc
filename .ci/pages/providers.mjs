// Sign-in at other services, as a user does it: at a certified provider, and at a stand-in for GitHub.
import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { chromium } from "playwright-core";
import { code } from "./code.mjs";
import { follow, look, tab } from "./look.mjs";
import { EARLIER, claims, operate, sql } from "./service.mjs";
import { configure, github, openid } from "./upstream.mjs";

const { ISSUER: issuer, PASSWORD: password, LONG: long, SCREENSHOTS: screenshots } = process.env;
const APP = "https://app.example.com";
const callback = (id) => `${issuer}/login/callback/${id}`;

if (screenshots) mkdirSync(screenshots, { recursive: true });
const browser = await chromium.launch({ executablePath: "/usr/bin/chromium", args: ["--no-sandbox"] });
const certified = await openid("127.0.0.2", callback("certified"));
const other = await openid("127.0.0.3", callback("other"));
const hub = await github("127.0.0.4", { id: 583231, login: "octocat", name: "The Octocat", email: "profile@example.com" }, [
  { email: "old@example.com", primary: false, verified: true, visibility: null },
  { email: "octocat@example.com", primary: true, verified: true, visibility: "private" },
]);
await configure(process.env, "certified", "generic", certified.issuer, "--name", "Example ID");
await configure(process.env, "other", "generic", other.issuer, "--name", long);
await configure(process.env, "github", "github", hub.issuer, "--trust-email");
await configure(process.env, "gone", "generic", "http://127.0.0.5:9", "--name", "Away", "--no-check");

/** A browser of its own. */
async function open(options = {}) {
  const context = await browser.newContext({ locale: "en", ...options });
  await context.route(`${APP}/**`, (route) => route.fulfill({ contentType: "text/html", body: "the application" }));
  return { context, page: follow(await context.newPage()) };
}

function addUser(name) {
  operate("users", "create", name, "--email", `${name}@example.com`, "--password-stdin");
}

async function logIn(page, username) {
  await page.fill("[name=username]", username);
  await page.fill("[name=password]", password);
  await page.click("main form:first-of-type button");
}

/** Follows the way to a provider on a page; ends where that leads. */
const begin = (page, id) => Promise.all([page.waitForNavigation(), page.click(`main a[href*='/login/${id}?']`)]);

/** Presses a button of the list of identities. */
async function press(page, what, id) {
  const form = page.locator(id ? `form:has([name=id][value=${id}])` : "form", { has: page.locator(`button[value=${what}]`) }).first();
  const folded = page.locator("details", { has: form });
  if (await folded.count()) await folded.locator("summary").click();
  await Promise.all([page.waitForNavigation(), form.locator(`button[value=${what}]`).click()]);
}

/** Links the identity that somebody has at the certified provider, from the list of identities. */
async function link(page, login) {
  await press(page, "link", "certified");
  await page.waitForURL((url) => url.origin !== issuer || url.pathname.startsWith("/login"));
  await page.waitForLoadState();
  return certified.pass(page, login);
}

const isAt = (page, path) => assert.equal(page.url(), issuer + path);

/** A new user comes by a provider, and chooses a username; comes again, and is in at once. */
async function register(language) {
  const name = `new-${language}`;
  const { context, page } = await open({ locale: language });
  const show = (kind, more) => look(page, language, kind, more);
  await page.goto(`${issuer}/login`);
  await show("login-providers");
  await tab(page, "login with providers");
  await begin(page, "certified");
  assert.deepEqual(await certified.pass(page, name), ["login", "consent"]);
  await show("provider-new");
  await tab(page, "the offer to register");
  await page.click("main a[href*='/registration/provider']");
  await show("register-provider", { referrer: "strict-origin" });
  await tab(page, "the choice of a username");
  const fields = await page.$$eval("input:not([type=hidden])", (all) => all.map((one) => [one.name, one.value, one.labels.length]));
  assert.deepEqual(fields, [["username", name, 1], ["name", "Ada Lovelace", 1], ["terms_accepted", "true", 1]]);
  await page.fill("[name=username]", "admin");
  await page.check("[name=terms_accepted]");
  await page.click("main button");
  await page.waitForSelector("[role=alert]");
  await show("register-provider-taken", { status: 409, referrer: "strict-origin" });
  await page.fill("[name=username]", name);
  await page.click("main button");
  await page.waitForURL(`${issuer}/account`);
  assert.equal((await claims(context)).idp, "certified");

  await page.goto(`${issuer}/account/identities`);
  await press(page, "unlink");
  await show("account-identities-last", { status: 409 });
  await page.goto(`${issuer}/account/password`);
  await show("account-password-none");
  await page.goto(`${issuer}/account/second-factors`);
  await show("account-second-factors-none");
  await again(page, language);
  await page.click("nav form button");
  await page.waitForURL(`${issuer}/oauth/logout/confirm`);
  await page.goto(`${issuer}/login`);
  await begin(page, "certified");
  isAt(page, "/account");
  await context.close();
}

/** What is sensitive asks a user without a password to log in at the provider again, and that asks, too. */
async function again(page, language) {
  sql(EARLIER);
  await certified.age(page.context(), 3600);
  await page.goto(`${issuer}/account/identities`);
  await press(page, "unlink");
  await look(page, language, "account-confirm-provider");
  await tab(page, "the proof at the provider");
  assert.equal(await page.locator("[name=password]").count(), 0);
  await begin(page, "certified");
  assert.deepEqual(await certified.pass(page, `new-${language}`), ["login"]);
  isAt(page, "/account/identities");
  await press(page, "unlink");
  assert.equal(page.answer.status(), 409);
}

/** A user with a password links an identity, logs in with it, and unlinks it. */
async function linked(language) {
  const [name, login] = [`local-${language}`, `friend-${language}`];
  addUser(name);
  const { context, page } = await open({ locale: language });
  const show = (kind, more) => look(page, language, kind, more);
  await page.goto(`${issuer}/login?return_to=/account/identities`);
  await logIn(page, name);
  await page.waitForURL(`${issuer}/account/identities`);
  await show("account-identities-none");
  await tab(page, "no identities");
  assert.deepEqual(await link(page, login), ["login", "consent"]);
  isAt(page, "/account/identities");
  await page.reload();
  await tab(page, "identities");
  await page.locator("summary").click();
  await show("account-identities");
  await taken(language, login);

  const { context: elsewhere, page: there } = await open();
  await there.goto(`${issuer}/login`);
  await begin(there, "certified");
  await certified.pass(there, login);
  isAt(there, "/account");
  assert.equal(await there.inputValue("[name=username]"), name);
  assert.equal((await claims(elsewhere)).idp, "certified");

  await page.reload();
  await press(page, "unlink");
  await page.waitForSelector("[role=status]");
  await show("account-identity-unlinked");
  await elsewhere.clearCookies({ name: /^ts_/ });
  await there.goto(`${issuer}/login`);
  await begin(there, "certified");
  assert.match(there.url(), /\/login\/callback\/certified/);
  assert.equal(await there.locator("main a[href*='/registration/provider']").count(), 1);
  await elsewhere.close();
  await context.close();
}

/** The identity of another account is not linked, and nothing is to an account that another user has logged in to meanwhile. */
async function taken(language, login) {
  const name = `rival-${language}`;
  addUser(name);
  const { context, page } = await open({ locale: language });
  await page.goto(`${issuer}/login?return_to=/account/identities`);
  await logIn(page, name);
  await page.waitForURL(`${issuer}/account/identities`);
  await press(page, "link", "certified");
  await page.waitForURL(`${certified.issuer}/**`);
  const second = await context.newPage();
  await second.goto(`${issuer}/oauth/logout`);
  await second.click("main button");
  await second.waitForURL(`${issuer}/oauth/logout/confirm`);
  await second.goto(`${issuer}/login`);
  await logIn(second, `local-${language}`);
  await second.waitForURL(`${issuer}/account`);
  await certified.pass(page, login);
  await look(page, language, "provider-other-session", { status: 403 });
  await context.clearCookies({ name: /^ts_/ });
  await page.goto(`${issuer}/login?return_to=/account/identities`);
  await logIn(page, name);
  await page.waitForURL(`${issuer}/account/identities`);
  await link(page, login);
  await look(page, language, "provider-identity-taken", { status: 409 });
  await page.click("main a");
  isAt(page, "/account/identities");
  await context.close();
}

/** What may go wrong on the way, and every other way to log in then. */
async function refused(language) {
  const { context, page } = await open({ locale: language });
  const show = (kind, more) => look(page, language, kind, more);
  await page.goto(`${issuer}/login`);
  await begin(page, "certified");
  await Promise.all([page.waitForNavigation(), page.click("a[href*=abort]")]);
  await show("provider-denied", { status: 403 });
  assert.match(await page.innerText("h1"), /Example ID/);
  await tab(page, "denied");
  await page.reload();
  await show("provider-over", { status: 403 });

  await page.goto(`${issuer}/login`);
  const [request] = await Promise.all([page.waitForRequest((one) => one.url().startsWith(`${certified.issuer}/auth?`)), begin(page, "certified")]);
  const state = new URL(request.url()).searchParams.get("state");
  await page.goto(`${callback("certified")}?${new URLSearchParams({ state, error: "server_error", iss: certified.issuer })}`);
  await show("provider-refused", { status: 403 });

  await page.goto(`${issuer}/login`);
  await begin(page, "certified");
  certified.isBroken = true;
  await certified.pass(page, "anybody");
  certified.isBroken = false;
  assert.equal(page.answer.status(), 502);
  await page.goto(`${issuer}/login`);
  await begin(page, "gone");
  await show("provider-unavailable", { status: 502 });
  await page.click("main a");
  await logIn(page, `local-${language}`);
  await page.waitForURL(`${issuer}/account`);
  await context.close();
}

/** The account's own second factor is asked after the provider, in every language. */
async function secondFactor() {
  addUser("factor");
  const { context, page } = await open();
  await page.goto(`${issuer}/login?return_to=/account/second-factors`);
  await logIn(page, "factor");
  await page.waitForURL(`${issuer}/account/second-factors`);
  await press(page, "set_up");
  const secret = await page.innerText("main code");
  await page.fill("[name=code]", code(secret));
  await Promise.all([page.waitForNavigation(), page.keyboard.press("Enter")]);
  await page.goto(`${issuer}/account/identities`);
  await link(page, "factor-there");
  isAt(page, "/account/identities");
  await context.close();
  for (const [language, typed] of [["de"], ["es"], ["en", () => code(secret, 1)]]) {
    const { context, page } = await open({ locale: language });
    await page.goto(`${issuer}/login?return_to=/account/identities`);
    await begin(page, "certified");
    await certified.pass(page, "factor-there");
    assert.equal((await context.cookies(issuer)).some(({ name }) => name === "ts_refresh"), false);
    await look(page, language, "provider-second-factor");
    if (typed) {
      await page.fill("[name=otp]", typed());
      await Promise.all([page.waitForNavigation(), page.keyboard.press("Enter")]);
      isAt(page, "/account/identities");
      const { amr, idp } = await claims(context);
      assert.deepEqual([amr, idp], [["otp", "mfa"], "certified"]);
    }
    await context.close();
  }
}

/** On the way to an application, also without JavaScript; a new user comes back to it from the registration. */
async function application() {
  const authorize = `${issuer}/oauth/authorize?${new URLSearchParams({
    client_id: "notes", redirect_uri: `${APP}/callback`, response_type: "code", scope: "openid", state: "s",
    code_challenge: "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM", code_challenge_method: "S256",
  })}`;
  for (const [login, javaScriptEnabled] of [["new-en", true], ["new-de", false], ["new-app", false]]) {
    const { context, page } = await open({ javaScriptEnabled });
    await page.goto(authorize);
    await begin(page, "certified");
    await certified.pass(page, login);
    if (login === "new-app") {
      await page.click("main a[href*='/registration/provider']");
      await page.check("[name=terms_accepted]");
      await page.click("main button");
    }
    await page.click("button[name=decision][value=allow]");
    await page.waitForURL(`${APP}/callback?**`);
    assert.ok(new URL(page.url()).searchParams.get("code"), page.url());
    assert.equal((await claims(context)).idp, "certified");
    await context.close();
  }
}

/** Two tabs of a browser, each on its way to another provider: both come back, to the same account and then to another one. */
async function twoTabs() {
  addUser("two");
  const { context, page } = await open();
  await page.goto(`${issuer}/login?return_to=/account/identities`);
  await logIn(page, "two");
  await page.waitForURL(`${issuer}/account/identities`);
  await link(page, "two-there");
  await press(page, "link", "other");
  await page.waitForURL(`${other.issuer}/**`);
  await other.pass(page, "two-elsewhere");
  isAt(page, "/account/identities");
  assert.equal(await page.locator("summary").count(), 2);
  await context.close();
  for (const [login, username] of [["two-there", "two"], ["new-en", "new-en"]]) {
    const { context, page: one } = await open();
    const another = follow(await context.newPage());
    for (const page of [one, another]) await page.goto(`${issuer}/login`);
    await begin(one, "certified");
    await begin(another, "other");
    await other.pass(another, "two-elsewhere");
    isAt(another, "/account");
    assert.equal(await another.inputValue("main [name=username]"), "two");
    await certified.pass(one, login);
    isAt(one, "/account");
    assert.equal(await one.inputValue("main [name=username]"), username);
    const left = (await context.cookies(issuer)).map(({ name }) => name).filter((name) => name.startsWith("ts_upstream_"));
    assert.deepEqual(left, []);
    await another.reload();
    assert.equal(await another.inputValue("main [name=username]"), username);
    await context.close();
  }
}

/** What was used is over, and the session that it has opened goes on; the back button leads into it, too. */
async function back() {
  const { context, page } = await open();
  await page.goto(`${issuer}/login`);
  await begin(page, "certified");
  const [used] = await Promise.all([page.waitForRequest((one) => one.url().startsWith(`${callback("certified")}?`)), certified.pass(page, "new-en")]);
  isAt(page, "/account");
  for (let i = 0; i < 5 && (i === 0 || !page.url().startsWith(issuer)); i += 1) await page.goBack();
  isAt(page, "/account");
  await page.goto(used.url());
  for (let i = 0; i < 2; i += 1) {
    assert.equal(page.answer.status(), 403);
    assert.match(await page.innerText("main"), /This sign-in is over/);
    await page.reload();
  }
  await page.click("main a");
  isAt(page, "/account");
  await page.goto(`${issuer}/login/certified?return_to=/account/sessions`);
  isAt(page, "/account/sessions");
  await context.close();
}

/** GitHub has a number for a user, and a list of addresses. */
async function atGitHub() {
  const { context, page } = await open();
  await page.goto(`${issuer}/login`);
  await begin(page, "github");
  await page.click("[name=authorize][value='0']");
  await page.waitForSelector("main h1");
  assert.equal(page.answer.status(), 403);
  assert.match(await page.innerText("main"), /You have not agreed there/);
  for (const isKnown of [false, true]) {
    await context.clearCookies();
    await page.goto(`${issuer}/login`);
    await begin(page, "github");
    await Promise.all([page.waitForNavigation(), page.click("[name=authorize][value='1']")]);
    if (!isKnown) {
      await page.click("main a[href*='/registration/provider']");
      assert.deepEqual([await page.inputValue("[name=username]"), await page.inputValue("[name=name]")], ["octocat", "The Octocat"]);
      await page.check("[name=terms_accepted]");
      await page.click("main button");
      await page.waitForURL(`${issuer}/account`);
    }
    isAt(page, "/account");
    assert.match(await page.innerText("main"), /octocat@example\.com/);
    assert.equal((await claims(context)).idp, "github");
  }
  const stored = "select provider_id, subject, verified_email from identities join users on users.id = user_id where provider_id = 'github'";
  assert.deepEqual(sql(stored), [["github", "583231", "octocat@example.com"]]);
  assert.deepEqual(hub.asked.filter((path) => path.startsWith("/api/")), ["/api/v3/user", "/api/v3/user/emails", "/api/v3/user", "/api/v3/user/emails"]);
  await context.close();
}

for (const language of ["en", "de", "es"]) {
  console.log(`providers, ${language}`);
  await register(language);
  await linked(language);
  await refused(language);
}
for (const step of [secondFactor, application, twoTabs, back, atGitHub]) {
  await step();
  console.log(`  ${step.name}`);
}
await browser.close();
for (const upstream of [certified, other, hub]) upstream.stop();
