// Walks through a registration as a user does, in each language.
import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { chromium } from "playwright-core";
import { follow, look, tab } from "./look.mjs";
import { next } from "./mailbox.mjs";

const { ISSUER: issuer, PASSWORD: password, SCREENSHOTS: screenshots } = process.env;
if (screenshots) mkdirSync(screenshots, { recursive: true });
const browser = await chromium.launch({ executablePath: "/usr/bin/chromium", args: ["--no-sandbox"] });
const referrer = "strict-origin";

async function register(language, locale) {
  const context = await browser.newContext({ locale });
  const page = follow(await context.newPage());
  await page.goto(`${issuer}/login`);
  await page.click("a[href*='/registration']");
  await look(page, language, "register", { referrer });
  await tab(page, "the address");
  await page.fill("[name=email]", `${language}@example.com`);
  await page.click("main button");
  await look(page, language, "register-code", { referrer });
  const { link } = await next(`${language}@example.com`);
  await page.fill("[name=code]", "0000 0000");
  await page.click("main button");
  await look(page, language, "register-code-wrong", { status: 403, referrer });
  await page.goto(link);
  await look(page, language, "register-prove", { referrer });
  await page.click("main button");
  await look(page, language, "register-choose", { referrer });
  await tab(page, "the choice");
  const fields = await page.$$eval("input:not([type=hidden])", (all) => all.map((one) => [one.name, one.autocomplete, one.labels.length]));
  assert.deepEqual(fields, [["username", "username", 1], ["name", "name", 1], ["password", "new-password", 1], ["terms_accepted", "", 1]]);
  await page.fill("[name=username]", "admin");
  await page.fill("[name=password]", password);
  await page.check("[name=terms_accepted]");
  await page.click("main button");
  await look(page, language, "register-taken", { status: 409, referrer });
  await page.fill("[name=username]", `user-${language}`);
  await page.fill("[name=password]", password);
  await page.click("main button");
  await page.waitForURL(`${issuer}/account`);
  await page.goto(link);
  await look(page, language, "register-void", { status: 403, referrer });
  await context.close();
}

for (const [language, locale] of [["en", "en-GB"], ["de", "de-DE"], ["es", "es-MX"]]) await register(language, locale);
await browser.close();
