// Invitations, where nobody registers without one, in each language.
import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { chromium } from "playwright-core";
import { follow, look, tab } from "./look.mjs";
import { next } from "./mailbox.mjs";
import { claims, operate, sql } from "./service.mjs";
import { configure, openid } from "./upstream.mjs";

const { ISSUER: issuer, PASSWORD: password, SCREENSHOTS: screenshots } = process.env;
const referrer = "strict-origin";

if (screenshots) mkdirSync(screenshots, { recursive: true });
const browser = await chromium.launch({ executablePath: "/usr/bin/chromium", args: ["--no-sandbox"] });
const provider = await openid("127.0.0.6", `${issuer}/login/callback/staff`);
await configure(process.env, "staff", "generic", provider.issuer, "--name", "Staff ID");

const invite = (...options) => JSON.parse(operate("invitations", "create", "--json", ...options));

/** By the link that was handed over: the address is proved by a mail. */
async function byMail(page, language) {
  const show = (kind, more) => look(page, language, kind, { referrer, ...more });
  const { link } = invite("--role", "editor");
  const address = `invited-${language}@example.com`;
  await page.goto(link);
  await show("invitation");
  await tab(page, "the invitation");
  await page.fill("[name=email]", address);
  await page.click("main button");
  await page.waitForSelector("[name=code]");
  await page.goto((await next(address)).link);
  await page.click("main button");
  await page.waitForSelector("[name=username]");
  await page.fill("[name=username]", `invited-${language}`);
  await page.fill("[name=password]", password);
  await page.click("main button");
  await page.waitForURL(`${issuer}/account`);
  assert.deepEqual((await claims(page.context())).roles, ["editor"]);
  await page.goto(link);
  await show("invitation-used", { status: 403 });
}

/** An invitation for an address, which gets a link of its own: only that address is registered. */
async function forAddress(page, language) {
  const address = `named-${language}@example.com`;
  const { link } = invite("--email", address);
  await page.goto(link);
  await look(page, language, "invitation-for-address", { referrer });
  assert.equal(await page.inputValue("[name=email]"), address);
  await page.goto((await next(address)).link);
  await look(page, language, "invitation-mailed", { referrer });
}

/** What does not work any more. */
async function over(page, language) {
  const show = (kind, status = 403) => look(page, language, kind, { status, referrer });
  const withdrawn = invite();
  operate("invitations", "withdraw", withdrawn.id);
  await page.goto(withdrawn.link);
  await show("invitation-withdrawn");
  const { link } = invite();
  sql("update invitations set expires_at = 0 where used_at is null");
  await page.goto(link);
  await show("invitation-expired");
  await page.goto(`${issuer}/invitation/nothing`);
  await show("invitation-wrong");
  await page.goto(`${issuer}/registration`);
  await show("invitation-missing");
}

/** At a provider: without an invitation no account is opened, and with one its roles are given. */
async function atProvider(page, language) {
  const name = `staff-${language}`;
  await page.goto(`${issuer}/login`);
  assert.equal(await page.locator("main a[href$='/registration'], main a[href*='/registration?']").count(), 0);
  await page.click("main a[href*='/login/staff?']");
  await provider.pass(page, name);
  await look(page, language, "provider-not-linked", { status: 403 });
  await tab(page, "not linked");
  await page.goto(invite("--role", "staff").link);
  await Promise.all([page.waitForNavigation(), page.click("main a[href*='/login/staff?']")]);
  await page.click("main a[href*='/registration/provider']");
  assert.equal(await page.inputValue("[name=username]"), name);
  await page.click("main button");
  await page.waitForURL(`${issuer}/account`);
  const { roles, idp } = await claims(page.context());
  assert.deepEqual([roles, idp], [["staff"], "staff"]);
}

for (const language of ["en", "de", "es"]) {
  console.log(`invitations, ${language}`);
  for (const step of [byMail, forAddress, over, atProvider]) {
    const context = await browser.newContext({ locale: language });
    await step(follow(await context.newPage()), language);
    await context.close();
  }
}
await browser.close();
provider.stop();
