// What holds for every page: its headers, its structure, what axe-core says, and that nothing is cut off.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";

const axe = readFileSync("node_modules/axe-core/axe.min.js", "utf8");
const DEVICES = { phone: { width: 390, height: 844 }, desktop: { width: 1280, height: 800 } };
const { ISSUER: issuer, PAGE_LOGO_URL: logo, SCREENSHOTS: screenshots } = process.env;

/** Follows what a page of the service is answered with, and what the browser complains about there. */
export function follow(page) {
  page.complaints = [];
  page.on("response", (response) => {
    const isPage = response.request().isNavigationRequest() && response.url().startsWith(issuer);
    if (isPage && response.status() !== 303) page.answer = response;
  });
  page.on("console", (message) => {
    const isStatus = message.text().startsWith("Failed to load resource: the server responded with a status of");
    if (message.type() === "error" && !isStatus && page.url().startsWith(issuer)) page.complaints.push(message.text());
  });
  return page;
}

/** Checks the page that is open; `to` is where a form of it goes, if not to the service, and `referrer` what links may tell of its
 * address. */
export async function look(page, language, name, { status = 200, to, referrer = "same-origin" } = {}) {
  const what = `${name} (${language})`;
  await page.waitForFunction(() => document.styleSheets.length && document.querySelector("header img")?.naturalWidth);
  // Only passkeys need a script, and an answer that is posted.
  const passkeys = await page.locator("[data-passkey], [data-create], [data-accepted], [data-upgrade]").count() > 0;
  headers(page, what, { status, to, referrer }, passkeys);
  await structure(page, what, language, to || passkeys);
  for (const [device, size] of Object.entries(DEVICES)) {
    await page.setViewportSize(size);
    for (const colorScheme of ["light", "dark"]) {
      await page.emulateMedia({ colorScheme });
      const kind = `${what} on a ${device} in ${colorScheme}`;
      const wider = await page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth");
      assert.ok(wider <= 0, `${kind} is ${wider} pixels too wide`);
      if (screenshots) {
        await page.screenshot({ path: `${screenshots}/${name}-${language}-${device}-${colorScheme}.png`, fullPage: true });
      }
      await page.evaluate(axe);
      const { violations, passes } = await page.evaluate("axe.run({ preload: false })");
      assert.ok(passes.some((rule) => rule.id === "color-contrast"), `${kind}: the contrast was not checked`);
      const found = violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html)}`);
      assert.deepEqual(found, [], kind);
    }
  }
  assert.deepEqual(page.complaints, [], what);
  console.log(`  ${what}`);
}

function headers(page, what, { status, to, referrer }, passkeys) {
  assert.equal(page.answer.status(), status, what);
  const all = page.answer.headers();
  const policy = Object.fromEntries(all["content-security-policy"].split("; ").map((part) => {
    const [name, ...sources] = part.split(" ");
    return [name, sources.join(" ")];
  }));
  const { "script-src": script, "connect-src": connect, ...rest } = policy;
  assert.deepEqual(rest, {
    "default-src": "'none'", "style-src": "'self'", "frame-ancestors": "'none'", "base-uri": "'none'",
    "form-action": to ?? "'self'", "img-src": new URL(logo).origin,
  }, what);
  assert.match(script ?? "none", to ? /^'sha256-[\w+/]{43}='$/ : passkeys ? /^'self'$/ : /^none$/, what);
  assert.equal(connect, passkeys ? "'self'" : undefined, what);
  assert.equal(all["referrer-policy"], referrer, what);
  assert.equal(all["cache-control"], "no-store", what);
  assert.equal(all["x-content-type-options"], "nosniff", what);
}

async function structure(page, what, language, hasScript) {
  const found = await page.evaluate(() => ({
    language: document.documentElement.lang,
    title: document.title,
    headings: [...document.querySelectorAll("h1, h2, h3")].map((heading) => heading.tagName),
    scripts: document.scripts.length,
    styles: document.querySelectorAll("style, [style]").length,
    handlers: [...document.querySelectorAll("*")].flatMap((one) => [...one.attributes])
      .filter((attribute) => attribute.name.startsWith("on")).length,
    sheets: document.styleSheets.length,
  }));
  const { title, headings: [heading, ...below], ...rest } = found;
  assert.deepEqual([heading, new Set(below)], ["H1", new Set(below.map(() => "H2"))], what);
  assert.deepEqual(rest, { language, scripts: hasScript ? 1 : 0, styles: 0, handlers: 0, sheets: 1 }, what);
  assert.match(title, /^.+ – Example$/, what);
}

/** Goes through the page with the Tab key: everything that can be used is reached, in order, and is seen to have the focus. */
export async function tab(page, what) {
  const count = await page.evaluate(() => {
    const all = document.querySelectorAll("input:not([type=hidden]), button, a, summary");
    window.usable = [...all].filter((one) => one.checkVisibility());
    usable[0].focus();
    return usable.length;
  });
  for (let expected = 0; expected < count; expected += 1) {
    const [reached, style, width, element] = await page.evaluate(() => {
      const { outlineStyle, outlineWidth } = getComputedStyle(document.activeElement);
      return [usable.indexOf(document.activeElement), outlineStyle, parseInt(outlineWidth), document.activeElement.outerHTML];
    });
    assert.deepEqual([reached, style, width], [expected, "solid", 3], `${what}: ${element}`);
    await page.keyboard.press("Tab");
  }
}
