// Passkeys on the pages, in a browser with an authenticator of its own.
import assert from "node:assert/strict";
import { chromium } from "playwright-core";
import { code } from "./code.mjs";
import { follow, look, tab } from "./look.mjs";
import { claims, sql } from "./service.mjs";

const { ISSUER: issuer, PASSWORD: password } = process.env;
// The pages before have changed the others.
const ada = process.env.USERS.split(" ").at(-1);
const APP = "https://app.example.com";

const browser = await chromium.launch({ executablePath: "/usr/bin/chromium", args: ["--no-sandbox"] });
const events = (name) => sql(`select count(*) from audit_events where name = '${name}'`)[0][0];

/** The passkeys of the device, which count when they are used. */
let kept = [];

/** A browser of its own, with the device. */
async function open({ passkeys = kept, fills = true, locale = "en", ...more } = {}) {
  const context = await browser.newContext({ locale });
  await context.route(`${APP}/**`, (route) => route.fulfill({ contentType: "text/html", body: "the application" }));
  await context.route(`${issuer}/app`, (route) => route.fulfill({ contentType: "text/html", body: "an app" }));
  await noteQuestions(context);
  if (!fills) {
    // This authenticator answers by itself what only a user's choice would.
    await context.addInitScript(() => { PublicKeyCredential.isConditionalMediationAvailable = async () => false; });
  }
  const page = follow(await context.newPage());
  const cdp = await context.newCDPSession(page);
  await cdp.send("WebAuthn.enable");
  const options = {
    protocol: "ctap2", transport: "internal", hasResidentKey: true, hasUserVerification: true, isUserVerified: true,
    automaticPresenceSimulation: true, ...more,
  };
  const { authenticatorId } = await cdp.send("WebAuthn.addVirtualAuthenticator", { options });
  const device = {
    add: (credential) => cdp.send("WebAuthn.addCredential", { authenticatorId, credential }),
    all: async () => (await cdp.send("WebAuthn.getCredentials", { authenticatorId })).credentials,
    /** Whether the user touches it when asked. */
    touch: (enabled) => cdp.send("WebAuthn.setAutomaticPresenceSimulation", { authenticatorId, enabled }),
    verify: (isUserVerified) => cdp.send("WebAuthn.setUserVerified", { authenticatorId, isUserVerified }),
  };
  const close = async () => {
    kept = await device.all();
    await context.close();
  };
  for (const passkey of passkeys) await device.add(passkey);
  return { context, page, cdp, device, close };
}

/** Notes what the pages ask the browser for. */
const noteQuestions = (context) => context.addInitScript(() => {
  const get = navigator.credentials.get.bind(navigator.credentials);
  window.questions = [];
  navigator.credentials.get = (options) => {
    window.questions.push(options.mediation);
    return get(options);
  };
});

/** Waits until the last question is of this kind. */
const asks = (page, mediation) => page.waitForFunction((mediation) => window.questions.at(-1) === mediation, mediation);

async function logIn(page, username) {
  await page.fill("[name=username]", username);
  await page.fill("[name=password]", password);
  await page.click("main form:first-of-type button");
}

const useButton = (page) => page.locator("form[data-passkey] button");

const press = async (page, what) => {
  const button = page.locator(`button[name=do][value=${what}]`);
  if (!(await button.isVisible())) await page.locator("details", { has: button }).locator("summary").click();
  await button.click();
};

/** At the account pages, after a login by password. */
async function account() {
  const { page, device, close } = await open();
  await page.goto(`${issuer}/login?return_to=/account/passkeys`);
  assert.equal(await useButton(page).isVisible(), true);
  await logIn(page, ada);
  await page.waitForURL(`${issuer}/account/passkeys`);
  await look(page, "en", "account-passkeys-none");
  await press(page, "add");
  await page.waitForSelector("form[data-create]");
  await look(page, "en", "account-passkey-add");
  await page.fill("[name=name]", "my laptop");
  await page.click("form[data-create] button");
  await page.waitForSelector(".codes");
  assert.equal(await page.locator(".codes code").count(), 10);
  await page.click("main a");
  assert.match(await page.innerText("main"), /my laptop/);
  const [made, ...others] = await device.all();
  assert.deepEqual([made.isResidentCredential, others.length], [true, 0]);

  // This device has one already.
  await press(page, "add");
  await page.fill("[name=name]", "my laptop again");
  await page.click("form[data-create] button");
  await page.waitForSelector("form[data-create] [role=status]:not([hidden])");
  await look(page, "en", "account-passkey-not-made");

  await page.goto(`${issuer}/account/passkeys`);
  await page.locator("summary").first().click();
  await page.fill("[name=name]", "old laptop");
  await press(page, "rename");
  await page.waitForSelector(".notice");
  assert.match(await page.innerText("main"), /old laptop/);
  for (const folded of await page.locator("summary").all()) await folded.click();
  await look(page, "en", "account-passkeys");
  await close();
}

/** A passkey is as good as the password where one is asked for. The browser forgets what is removed. */
async function removed() {
  const { context, page, cdp } = await open({ fills: false });
  const forgotten = new Promise((resolve) => cdp.on("WebAuthn.credentialDeleted", resolve));
  await page.goto(`${issuer}/login?return_to=/account/passkeys`);
  await useButton(page).click();
  await page.waitForURL(`${issuer}/account/passkeys`);
  await press(page, "remove");
  await page.waitForSelector(".notice");
  assert.match(await page.innerText("main"), /is removed/);
  assert.equal((await forgotten).credentialId, kept[0].credentialId);
  assert.deepEqual(sql(`select * from passkeys where user_id = (select id from users where username = '${ada}')`), []);
  await context.close();
}

/** The browser offers the passkey by itself, and the user takes it. */
async function autofill() {
  const { context, page, close } = await open();
  await page.goto(`${issuer}/login?return_to=/app`);
  await page.waitForURL(`${issuer}/app`, { timeout: 15_000 });
  assert.deepEqual((await claims(context)).amr, ["swk", "mfa"]);
  await close();
}

/** While the browser waits with its offer, the button asks at once: one request ends before the other begins. */
async function byButton() {
  const { context, page, device, close } = await open();
  await device.touch(false);
  await page.goto(`${issuer}/oauth/authorize?${new URLSearchParams({
    client_id: "notes", redirect_uri: `${APP}/callback`, response_type: "code", scope: "openid", state: "s", prompt: "consent",
    code_challenge: "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM", code_challenge_method: "S256",
  })}`);
  await asks(page, "conditional");
  await useButton(page).click();
  await asks(page, "optional");
  await device.touch(true);
  await useButton(page).click();
  await page.click("button[name=decision][value=allow]");
  await page.waitForURL(`${APP}/**`);
  assert.ok(new URL(page.url()).searchParams.get("code"), page.url());
  assert.deepEqual((await claims(context)).amr, ["swk", "mfa"]);
  await close();
}

/** After the password a touch is enough, as of an authenticator that cannot verify its user. */
async function secondFactor() {
  const { context, page, device, close } = await open({ hasUserVerification: false, isUserVerified: false });
  await device.touch(false);
  await page.goto(`${issuer}/login?return_to=/app`);
  await logIn(page, ada);
  await page.waitForSelector("form[data-passkey] input[name=challenge]", { state: "attached" });
  await look(page, "en", "second-step-passkey");
  await device.touch(true);
  await useButton(page).click();
  await page.waitForURL(`${issuer}/app`);
  assert.deepEqual((await claims(context)).amr, ["pwd", "swk", "mfa"]);
  await close();
}

/** Who does not want to, or is not who they say, stays on the page and is told. */
async function notVerified() {
  const { context, page, device, close } = await open();
  await device.verify(false);
  await page.goto(`${issuer}/login?return_to=/app`);
  await useButton(page).click();
  await page.waitForSelector("form[data-passkey] [role=status]:not([hidden])");
  await look(page, "en", "login-passkey-failed");
  await close();
}

/** A copy of the passkey, which has not counted on. */
async function counterBack() {
  const before = events("passkey_counter_back");
  const copies = kept.map((passkey) => ({ ...passkey, signCount: 0 }));
  const { context, page } = await open({ passkeys: copies, fills: false });
  await page.goto(`${issuer}/login?return_to=/app`);
  await useButton(page).click();
  await page.waitForSelector("[role=alert]");
  assert.match(await page.innerText("[role=alert]"), /not accepted/);
  await look(page, "en", "login-passkey-refused", { status: 403 });
  assert.equal(events("passkey_counter_back"), before + 1);
  await context.close();
}

/** It was removed elsewhere: the page says so, and the browser forgets it. */
async function unknown() {
  const { context, page, cdp } = await open({ fills: false });
  const forgotten = new Promise((resolve) => cdp.on("WebAuthn.credentialDeleted", resolve));
  await page.goto(`${issuer}/login?return_to=/app`);
  await useButton(page).click();
  await page.waitForSelector("[role=alert]");
  assert.equal((await forgotten).credentialId, kept[0].credentialId);
  await context.close();
}

/** Who must have a second factor makes a passkey on the way, and goes on with it. */
async function enrolled() {
  for (const language of ["en", "de", "es"]) await enrol(language, `admin-passkey-${language}`);
}

async function enrol(language, username) {
  const { context, page, device } = await open({ passkeys: [], fills: false, locale: language });
  await page.goto(`${issuer}/login?return_to=/app`);
  await logIn(page, username);
  const make = page.locator("form[data-create] button");
  await make.waitFor();
  await tab(page, "enrol");
  await device.verify(false);
  await make.click();
  await page.waitForSelector("form[data-create] [role=status]:not([hidden])");
  await look(page, language, "enrol-passkey-not-made");
  await device.verify(true);
  await make.click();
  await page.waitForSelector(".codes");
  assert.equal(await page.locator(".codes code").count(), 10);
  await look(page, language, "enrol-passkey-made");
  await tab(page, "recovery codes");
  await useButton(page).click();
  await page.waitForURL(`${issuer}/app`);
  assert.deepEqual((await claims(context)).amr, ["pwd", "swk", "mfa"]);
  assert.equal((await device.all()).length, 1);
  await page.goto(`${issuer}/account/passkeys`);
  await tab(page, "passkeys");
  for (const folded of await page.locator("summary").all()) await folded.click();
  await look(page, language, "account-passkeys-enrolled");
  await press(page, "add");
  await page.waitForSelector("form[data-create]:not([hidden])");
  await look(page, language, "account-passkey-add-enrolled");
  await context.close();
}

/** Right after a login by password and code the browser makes a passkey by itself. Chromium does that only for a password that its
 * manager has filled in: here the authenticator answers without that. */
async function upgraded() {
  const { context, page, device } = await open({ passkeys: [], fills: false });
  await context.addInitScript(() => {
    const create = navigator.credentials.create.bind(navigator.credentials);
    navigator.credentials.create = ({ mediation, ...options }) => {
      window.asked = mediation;
      return create(options);
    };
  });
  await page.goto(`${issuer}/login?return_to=/account`);
  await logIn(page, "admin-upgrade");
  const secret = await page.innerText("main code");
  for (const [steps, field] of [[0, "confirm"], [1, "otp"]]) {
    await page.fill(`[name=${field}]`, code(secret, steps));
    await page.keyboard.press("Enter");
    if (steps === 0) await page.waitForSelector(".codes");
  }
  await page.waitForURL(`${issuer}/account`);
  await page.waitForSelector("[data-upgraded]:not([hidden])");
  assert.equal(await page.evaluate("asked"), "conditional");
  await look(page, "en", "account-upgraded");
  assert.equal((await device.all()).length, 1);
  await page.goto(`${issuer}/account/passkeys`);
  assert.equal(await page.locator("summary").count() > 0, true);
  await page.goto(`${issuer}/account`);
  assert.equal(await page.locator("[data-upgrade]").count(), 0, "once");
  await context.close();
}

console.log("passkeys");
for (const step of [enrolled, upgraded, account, autofill, byButton, secondFactor, notVerified, counterBack, removed, unknown]) {
  await step();
  console.log(`  ${step.name}`);
}
await browser.close();
