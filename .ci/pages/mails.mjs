// The pages that mails lead to: a new password, and the confirmation of an address, in each language.
import assert from "node:assert/strict";
import { chromium } from "playwright-core";
import { code } from "./code.mjs";
import { follow, look, tab } from "./look.mjs";
import { next } from "./mailbox.mjs";
import { operate, sql } from "./service.mjs";

const { ISSUER: issuer, PASSWORD: password } = process.env;
const NEXT = "seven quiet lamps by the river";
const EXPIRE = "update mail_tokens set expires_at = 0";

const browser = await chromium.launch({ executablePath: "/usr/bin/chromium", args: ["--no-sandbox"] });

async function ask(method, path, body, { token, status = 200 } = {}) {
  const headers = { "content-type": "application/json", ...(token && { authorization: `Bearer ${token}` }) };
  const answer = await fetch(issuer + path, { method, headers, body: JSON.stringify(body) });
  assert.equal(answer.status, status, `${method} ${path}`);
  return answer.json();
}

const send = (page) => Promise.all([page.waitForNavigation(), page.keyboard.press("Enter")]);

/** Everything by the keyboard. */
async function reset(page, language, name) {
  const show = (kind, more) => look(page, language, `reset-${kind}`, { referrer: "strict-origin", ...more });
  const address = `${name}@example.com`;
  await page.goto(`${issuer}/login`);
  await page.click("main .aside a");
  await show("ask");
  await tab(page, "reset");
  await page.focus("[name=email]");
  await page.evaluate(() => { document.forms[0].noValidate = true; });
  await page.keyboard.type("nobody");
  await send(page);
  await show("ask-refused", { status: 400 });
  await page.fill("[name=email]", address);
  await page.focus("[name=email]");
  await send(page);
  await show("code");
  await tab(page, "code");
  await page.focus("[name=code]");
  await page.keyboard.type("12345678");
  await page.keyboard.press("Tab");
  await page.keyboard.type(NEXT);
  await send(page);
  await show("code-refused", { status: 403 });
  const { link, code: typed } = await next(address);
  await page.fill("[name=code]", typed);
  await page.focus("[name=new_password]");
  await page.keyboard.type("password1");
  await send(page);
  await show("code-password-refused", { status: 400 });

  await page.goto(link);
  await show("link");
  await tab(page, "link");
  await page.focus("[name=new_password]");
  await page.keyboard.type("short");
  await send(page);
  await show("link-refused", { status: 400 });
  await page.keyboard.type(NEXT);
  await send(page);
  await show("done");
  await tab(page, "done");
  await page.goto(link);
  await show("link-used", { status: 403 });
  await tab(page, "used");
  await page.goto(`${issuer}/password-reset/nothing`);
  await show("link-wrong", { status: 403 });
  await page.goto(`${issuer}/password-reset`);
  await page.fill("[name=email]", address);
  await send(page);
  const late = await next(address);
  sql(EXPIRE);
  await page.goto(late.link);
  await show("link-expired", { status: 403 });
}

/** Who has a second factor shows it, too. */
async function withFactor(page, language, name) {
  const show = (kind, more) => look(page, language, `reset-factor${kind}`, { referrer: "strict-origin", ...more });
  const { access_token: token } = await ask("POST", "/v1/tokens", { username: name, password });
  const { secret } = await ask("POST", "/v1/me/totp", {}, { token });
  await ask("POST", "/v1/me/totp/confirm", { code: code(secret) }, { token });
  await page.goto(`${issuer}/password-reset`);
  await page.fill("[name=email]", `${name}@example.com`);
  await send(page);
  await page.goto((await next(`${name}@example.com`)).link);
  await show("");
  await tab(page, "factor");
  for (const typed of ["000000", code(secret, 1)]) {
    await page.focus("[name=new_password]");
    await page.keyboard.type(NEXT);
    await page.keyboard.press("Tab");
    await page.keyboard.type(typed);
    await send(page);
    if (typed === "000000") await show("-refused", { status: 403 });
  }
  await show("-done");
}

/** The link of a mail that confirms an address. */
async function verify(page, language, name) {
  const show = (kind, more) => look(page, language, `verify-${kind}`, { referrer: "strict-origin", ...more });
  const address = `${name}-new@example.com`;
  const { access_token: token } = await ask("POST", "/v1/tokens", { username: name, password: NEXT });
  await ask("PATCH", "/v1/me/profile", { email: address }, { token });
  const { link } = await next(address);
  await page.goto(link);
  await show("ask");
  await tab(page, "verify");
  await page.focus("main button");
  await send(page);
  await show("done");
  await page.goto(link);
  await show("link-used", { status: 403 });
  await page.goto(`${issuer}/email-verification/nothing`);
  await show("link-wrong", { status: 403 });
  await ask("PATCH", "/v1/me/profile", { email: `other-${address}` }, { token });
  const late = await next(`other-${address}`);
  sql(EXPIRE);
  await page.goto(late.link);
  await show("link-expired", { status: 403 });
  // Somebody else has confirmed it meanwhile.
  await ask("PATCH", "/v1/me/profile", { email: `taken-${address}` }, { token });
  const taken = await next(`taken-${address}`);
  operate("users", "create", `taken-${name}`, "--email", `taken-${address}`, "--password-stdin");
  await page.goto(taken.link);
  await page.focus("main button");
  await send(page);
  await show("taken", { status: 409 });
}

console.log("mails");
for (const language of ["en", "de", "es"]) {
  const context = await browser.newContext({ locale: language });
  const page = follow(await context.newPage());
  await reset(page, language, `mail-${language}`);
  await withFactor(page, language, `factor-${language}`);
  await verify(page, language, `mail-${language}`);
  await context.close();
}
await browser.close();
