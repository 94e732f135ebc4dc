// Walks to every page as a user does, in each language, and once without JavaScript.
import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { chromium } from "playwright-core";
import { code } from "./code.mjs";
import { follow, look, tab } from "./look.mjs";
import { EARLIER, sql } from "./service.mjs";

const { ISSUER: issuer, PASSWORD: password, HOST: host, LONG: long, SCREENSHOTS: screenshots } = process.env;
const [ada, longName, maria] = process.env.USERS.split(" ");
const many = process.env.MANY.split(" ");
const APP = "https://app.example.com";
const EXPIRE = "update interactions set expires_at = created_at";

if (screenshots) mkdirSync(screenshots, { recursive: true });
const browser = await chromium.launch({ executablePath: "/usr/bin/chromium", args: ["--no-sandbox"] });

/** A browser of its own. What goes to the applications is noted; while `hold` is on, the page that sends it stays. */
async function open(options) {
  const context = await browser.newContext(options);
  const to = { hold: false, answers: [] };
  await context.route((url) => [APP, `https://${host}`, "http://127.0.0.1:9"].includes(url.origin), (route) => {
    to.answers.push({ url: route.request().url(), body: route.request().postData() });
    return to.hold ? route.fulfill({ status: 204 }) : route.fulfill({ contentType: "text/html", body: "the application" });
  });
  const page = follow(await context.newPage());
  return { context, page, to };
}

function authorize(client, more = {}) {
  const uri = { notes: `${APP}/callback`, long: `https://${host}/callback`, program: "http://127.0.0.1:9/callback", app: "com.example.notes:/callback" };
  return `${issuer}/oauth/authorize?${new URLSearchParams({
    client_id: client, redirect_uri: uri[client], response_type: "code", state: "a & b", nonce: "n",
    scope: client === "long" ? many.join(" ") : "openid profile email offline_access",
    code_challenge: "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM", code_challenge_method: "S256", ...more,
  })}`;
}

async function logIn(page, username, secret = password) {
  await page.fill("[name=username]", username);
  await page.fill("[name=password]", secret);
  await page.click("main form:first-of-type button");
}

const press = (page, name, value) => page.click(`button[name=${name}][value=${value}]`);

/** What an application was told last. */
async function told(to) {
  for (let i = 0; to.answers.length === 0 && i < 600; i += 1) await new Promise((done) => setTimeout(done, 100));
  const { url, body } = to.answers.pop();
  to.answers.length = 0;
  return new URLSearchParams(body ?? new URL(url).search);
}

/** The fields that a password manager fills. */
async function fields(page) {
  const found = await page.$$eval("input:not([type=hidden])", (all) =>
    all.map((one) => [one.name, one.type, one.autocomplete, one.labels.length, one.form === all[0].form]));
  assert.deepEqual(found, [["username", "text", "username webauthn", 1, true], ["password", "password", "current-password", 1, true]]);
}

async function walk(language, username, options) {
  const { context, page, to } = await open(options);
  const show = (name, more) => look(page, language, name, more);
  const at = { ui_locales: options.locale ? "xx" : `xx ${language}-AT` };

  await page.goto(`${issuer}/oauth/authorize?client_id=unknown&ui_locales=${language}`);
  await show("error-application", { status: 400 });
  await page.goto(authorize("notes", { ...at, redirect_uri: "https://elsewhere.example/" }));
  await show("error-address", { status: 400 });

  await page.goto(authorize("long", { ...at, login_hint: long }));
  await show("login-long");
  await page.goto(authorize("notes", at));
  await fields(page);
  await show("login");
  await tab(page, "login");
  await page.focus("[name=username]");
  await page.keyboard.type(username);
  await page.keyboard.press("Tab");
  await page.keyboard.type("wrong");
  await page.keyboard.press("Enter");
  await page.waitForSelector("[role=alert]");
  const focused = await page.evaluate(() => {
    const { name, value, autocomplete } = document.activeElement;
    const described = document.getElementById(document.activeElement.getAttribute("aria-describedby"));
    return [name, value, autocomplete, described.getAttribute("role"), document.querySelector("[name=username]").value];
  });
  assert.deepEqual(focused, ["password", "", "current-password", "alert", username]);
  await show("login-refused", { status: 403 });
  await page.keyboard.type(password);
  await page.keyboard.press("Enter");

  await page.waitForSelector("[value=allow]");
  assert.match(await page.innerText("main"), /app\.example\.com/);
  await show("consent");
  await tab(page, "consent");
  const done = page.url();
  to.hold = true;
  await press(page, "decision", "allow");
  const answer = await told(to);
  assert.deepEqual([answer.get("state"), answer.get("iss"), answer.has("code")], ["a & b", issuer, true]);
  const link = await page.getAttribute("main a", "href");
  assert.equal(await page.getAttribute("meta[http-equiv=refresh]", "content"), `0; url=${link}`);
  assert.ok(link.startsWith(`${APP}/callback?code=`), link);
  await show("hand-over");
  to.hold = false;
  await page.goto(done);
  await show("error-finished", { status: 400 });

  await page.goto(authorize("notes", { ...at, login_hint: "somebody else" }));
  await show("account");
  await tab(page, "account");
  sql(EXPIRE);
  await page.reload();
  await show("error-expired", { status: 400 });
  await page.click("main a");
  assert.equal((await told(to)).get("error"), "access_denied");

  await page.goto(authorize("long", at));
  assert.equal(await page.locator(".scopes li").count(), many.length);
  await show("consent-long");
  to.hold = true;
  await press(page, "decision", "deny");
  assert.equal((await told(to)).get("error"), "access_denied");
  await show("hand-over-long");

  await page.goto(authorize("notes", { ...at, prompt: "consent", response_mode: "form_post" }));
  await press(page, "decision", "allow");
  assert.equal((await told(to)).get("state"), "a & b");
  await show("form-post", { to: APP });
  to.hold = false;
  await page.click("main button");
  await page.waitForURL(`${APP}/callback`);
  assert.ok((await told(to)).get("code"));

  await page.goto(authorize("program", at));
  await show("consent-program");
  await page.goto(authorize("notes", { ...at, prompt: "consent" }));
  const begun = page.url();

  await page.goto(`${issuer}/oauth/logout?ui_locales=${language}&client_id=notes&post_logout_redirect_uri=https://elsewhere.example/`);
  await show("error-logout", { status: 400 });
  await page.goto(`${issuer}/oauth/logout?ui_locales=${language}`);
  await show("logout");
  await tab(page, "logout");
  await page.click("main button");
  await page.waitForFunction("document.forms.length === 0");
  await show("logged-out");

  // Last: the browser asks whether it may open the app, and keeps the keyboard for that.
  await page.goto(authorize("app", at));
  await logIn(page, username);
  await press(page, "decision", "allow");
  assert.match(await page.getAttribute("main a", "href"), /^com\.example\.notes:\/callback\?code=/);
  await show("hand-over-app");
  await context.close();

  const other = await open({ locale: language });
  await other.page.goto(begun);
  await look(other.page, language, "error-browser", { status: 403 });
  await other.page.goto(`${issuer}/oauth/interactions/none`);
  await look(other.page, language, "error-request", { status: 400 });
  await other.page.goto(`${issuer}/oauth/interactions/nothing/there`);
  await look(other.page, language, "error-nothing", { status: 404 });
  await other.page.goto(`${issuer}/login?return_to=//elsewhere.example`);
  await look(other.page, language, "error-return", { status: 400 });
  await other.page.goto(`${issuer}/login?return_to=/openapi.json`);
  await fields(other.page);
  await look(other.page, language, "login-host");
  await logIn(other.page, username);
  await other.page.waitForURL(`${issuer}/openapi.json`);
  await other.context.close();
}

/** Types into the one field of a page, which has the focus, and sends it. */
async function type(page, text) {
  await Promise.all([page.waitForNavigation(), page.fill("input:focus", text).then(() => page.keyboard.press("Enter"))]);
}

/** Sets up an app at the login page for web apps, and logs in again with a code and with a recovery code. */
async function secondFactor(language, username, options) {
  const show = (page, name, more) => options.javaScriptEnabled === false ? null : look(page, language, name, more);
  const first = await open({ ...options, locale: language });
  const { page } = first;
  await page.goto(`${issuer}/login?return_to=/docs/`);
  await logIn(page, username);
  await page.waitForSelector(".picture svg");
  await show(page, "enrol");
  await type(page, "000000");
  await page.waitForSelector("[role=alert]");
  await show(page, "enrol-refused", { status: 403 });
  await press(page, "by", "another_picture");
  await page.waitForSelector(".picture svg");
  const secret = await page.innerText("main code");
  await type(page, code(secret));
  await page.waitForSelector(".codes");
  const codes = await page.locator(".codes code").allInnerTexts();
  assert.equal(codes.length, 10);
  await show(page, "recovery-codes");
  await type(page, code(secret, 1));
  assert.match(new URL(page.url()).pathname, /^\/docs\//);
  await first.context.close();

  const { context, page: again } = await open({ ...options, locale: language });
  await again.goto(authorize("notes"));
  await logIn(again, username);
  await again.waitForSelector("[name=otp]");
  assert.deepEqual(await again.$eval("[name=otp]", (one) => [one.inputMode, one.autocomplete]), ["numeric", "one-time-code"]);
  await show(again, "code");
  if (options.javaScriptEnabled !== false) await tab(again, "code");
  await again.focus("[name=otp]");
  await type(again, "000000");
  await again.waitForSelector("[role=alert]");
  await show(again, "code-refused", { status: 403 });
  await press(again, "by", "recovery_code");
  await again.waitForSelector("[name=recovery_code]");
  await show(again, "recovery-code");
  await type(again, "wrong");
  await again.waitForSelector("[role=alert]");
  await show(again, "recovery-code-refused", { status: 403 });
  await type(again, codes[0]);
  await again.waitForSelector("[value=allow]");
  await context.close();
}

/** The form of an account page that does this. */
const doing = (page, what) => page.locator(`form:has(button[name=do][value=${what}])`).first();

/** Presses the button of an account page that does this, also one that must be unfolded. */
async function act(page, what) {
  const form = doing(page, what);
  const folded = page.locator("details", { has: form });
  if (await folded.count()) await folded.locator("summary").click();
  await Promise.all([page.waitForNavigation(), form.locator(`button[value=${what}]`).click()]);
}

/** The account pages: everything that their user can see and do there. */
async function account(language, username, options) {
  const withScript = options.javaScriptEnabled !== false;
  const { context, page } = await open({ ...options, locale: language });
  const show = (name, more) => withScript ? look(page, language, `account-${name}`, more) : null;
  const go = (section) => page.goto(`${issuer}/account${section}`);
  const elsewhere = await open({ locale: language, userAgent: "curl/8.5.0" });
  for (const browser of [elsewhere.page, page]) {
    await browser.goto(`${issuer}/account/sessions`);
    await logIn(browser, username);
    await browser.waitForURL(`${issuer}/account/sessions`);
  }
  await show("sessions");
  if (withScript) await tab(page, "sessions");
  await act(page, "end");
  await page.waitForSelector("[role=status]");
  await show("session-ended");
  await elsewhere.page.reload();
  assert.match(elsewhere.page.url(), /\/login\?return_to=%2Faccount%2Fsessions$/);
  await elsewhere.context.close();

  await go("");
  await show("profile");
  if (withScript) await tab(page, "profile");
  await page.fill("[name=name]", "Ada Lovelace");
  await page.fill("[name=username]", "two words");
  await page.click("main form:first-of-type button");
  await page.waitForSelector("[role=alert]");
  await show("profile-refused", { status: 400 });
  sql(EARLIER);
  // One like an address would have to be the user's own.
  await page.fill("[name=username]", `${username.split("@")[0]}2`);
  await page.click("main form:first-of-type button");
  await page.waitForSelector("[name=password]");
  await show("confirm");
  if (withScript) await tab(page, "confirm");
  await page.focus("[name=password]");
  await type(page, "wrong");
  await show("confirm-refused", { status: 403 });
  await type(page, password);
  await page.waitForSelector("[role=status]");
  await show("profile-saved");

  await go("/password");
  const kinds = await page.$$eval("main input:not([type=hidden])", (all) => all.map((one) => one.autocomplete));
  assert.deepEqual(kinds, ["username", "current-password", "new-password", "new-password"]);
  await show("password");
  if (withScript) await tab(page, "password");
  await page.fill("[name=current_password]", password);
  await page.fill("[name=new_password]", "password1");
  await page.fill("[name=new_password_again]", "password1");
  await page.click("main form button");
  await page.waitForSelector("[role=alert]");
  await show("password-refused", { status: 400 });

  await go("/second-factors");
  await show("no-factor");
  await act(page, "set_up");
  await show("set-up");
  const secret = await page.innerText("main code");
  await page.focus("[name=code]");
  await type(page, "000000");
  await show("set-up-refused", { status: 403 });
  await act(page, "set_up");
  const again = await page.innerText("main code");
  assert.notEqual(again, secret);
  await page.focus("[name=code]");
  await type(page, code(again));
  assert.equal(await page.locator(".codes code").count(), 10);
  await show("recovery-codes");
  if (withScript) {
    await page.emulateMedia({ media: "print" });
    assert.equal(await page.locator("nav").isVisible(), false);
    if (screenshots) await page.screenshot({ path: `${screenshots}/account-recovery-codes-${language}-print.png`, fullPage: true });
    await page.emulateMedia({ media: "screen" });
  }
  await page.click("main a");
  await show("factor");
  if (withScript) await tab(page, "factor");
  await page.reload();
  for (const folded of await page.locator("summary").all()) await folded.click();
  await show("factor-unfolded");

  await go("/api-tokens");
  await show("no-token");
  if (withScript) await tab(page, "api tokens");
  await page.fill("[name=name]", language === "de" ? long : "nightly backup");
  for (const box of await page.locator("[type=checkbox]").all()) await box.check();
  await act(page, "create");
  assert.match(await page.innerText(".key code"), /^tks_/);
  await show("new-token");
  await page.click("main a");
  await show("tokens");
  await act(page, "revoke");
  await show("token-revoked");

  await go("/applications");
  await show("applications");
  if (withScript) await tab(page, "applications");
  for (let left = await doing(page, "remove").count(); left; left = await doing(page, "remove").count()) await act(page, "remove");
  await page.reload();
  await show("no-application");
  await go("/nothing");
  await show("nothing", { status: 404 });
  await go("/second-factors");
  await act(page, "remove");
  await page.click("nav form button");
  await page.waitForURL(`${issuer}/oauth/logout/confirm`);
  await go("");
  assert.match(page.url(), /\/login\?return_to=%2Faccount$/);
  await context.close();
}

/** Too many wrong passwords, of somebody who may not even exist. */
async function limited() {
  const { context, page } = await open({});
  await page.goto(authorize("notes"));
  for (let count = 0; count < 100 && page.answer.status() !== 429; count += 1) await logIn(page, "nobody", "wrong");
  await look(page, "en", "login-limited", { status: 429 });
  await context.close();
}

async function withoutJavaScript() {
  const { context, page, to } = await open({ javaScriptEnabled: false });
  await page.goto(authorize("notes", { prompt: "consent" }));
  await logIn(page, ada, "wrong");
  await page.waitForSelector("[role=alert]");
  await logIn(page, ada);
  await press(page, "account", "other");
  await logIn(page, maria);
  await press(page, "decision", "allow");
  await page.waitForURL(`${APP}/**`);
  assert.ok((await told(to)).get("code"));
  await page.goto(authorize("notes", { login_hint: "somebody else" }));
  await press(page, "account", "continue");
  await page.waitForURL(`${APP}/**`);
  assert.ok((await told(to)).get("code"));
  await page.goto(authorize("notes", { prompt: "login" }));
  await press(page, "decision", "deny");
  await page.waitForURL(`${APP}/**`);
  assert.equal((await told(to)).get("error"), "access_denied");
  await page.goto(authorize("notes", { prompt: "consent", response_mode: "form_post" }));
  await press(page, "decision", "allow");
  await page.waitForSelector("main form:not([action^='/'])");
  assert.equal(to.answers.length, 0);
  await page.click("main button");
  await page.waitForURL(`${APP}/callback`);
  assert.ok((await told(to)).get("code"));
  await page.goto(`${issuer}/oauth/logout`);
  await page.click("main button");
  await page.waitForURL(`${issuer}/oauth/logout/confirm`);
  assert.equal(await page.locator("form").count(), 0);
  await context.close();
  console.log("without JavaScript");
}

console.log("in English");
await walk("en", ada, {});
console.log("in German, as the application wishes");
await walk("de", longName, {});
console.log("in Spanish, as the browser says");
await walk("es", maria, { locale: "es-MX" });
console.log("with a second factor");
for (const language of ["en", "de", "es"]) await secondFactor(language, `admin-${language}`, {});
await secondFactor("en", "admin-plain", { javaScriptEnabled: false });
await withoutJavaScript();
console.log("the account");
for (const [language, username] of [["en", ada], ["de", longName], ["es", maria]]) await account(language, username, {});
await account("en", `${ada}2`, { javaScriptEnabled: false });
console.log("guessing");
await limited();
await browser.close();
