// Four tabs per browser and a network that loses requests and answers, over some thousand refreshes; the service is stopped and
// started meanwhile. Nobody is signed out, and no browser has more than one session.
import assert from "node:assert/strict";
import { Front, launch, logIn, restore, Service, status, tab, told, user, wait } from "./harness.mjs";

const SECONDS = Number(process.env.SECONDS ?? 10);
const BROWSERS = 3;
const TABS = 4;
const REFRESH = "/v1/tokens/refresh";
const SEED = Number(process.env.SEED ?? Date.now() % 100_000);
/** How late a request may be, in milliseconds. */
const LATE = 1_500;

let state = SEED + 1;
const random = () => (state = (state * 48_271) % 2_147_483_647) / 2_147_483_647;

const browser = await launch();
let names = 0;
let total = 0;

/** Decides what happens to refreshes. Of each browser at most two in a row are lost: whoever reaches nobody for the whole retry
 * window cannot be helped. */
function fates(stats) {
  const inARow = new Map();
  return (request, path) => {
    if (path !== REFRESH) return undefined;
    const who = request.headers["user-agent"];
    const chance = random();
    const count = inARow.get(who) ?? 0;
    inARow.set(who, 0);
    if (chance < 0.15 && count < 2) {
      inARow.set(who, count + 1);
      const fate = chance < 0.05 ? "lost" : "unanswered";
      stats[fate] += 1;
      return fate;
    }
    if (chance < 0.95) return undefined;
    stats.late += 1;
    return Math.round(LATE * random());
  };
}

/** A browser in which somebody is signed in; returns its pages. */
async function start(front, storage, isBare) {
  const name = `user${(names += 1)}`;
  front.service.addUser(name);
  const context = await browser.newContext({ userAgent: name });
  if (isBare) await context.addInitScript(() => (delete Navigator.prototype.locks, delete window.BroadcastChannel));
  const pages = [await tab(context, front, { storage })];
  await logIn(pages[0], name);
  while (pages.length < TABS) pages.push(await tab(context, front, { storage }));
  for (const page of pages) assert.equal(await user(page), name);
  return pages;
}

/** Refreshes in a page all the time until an instant. */
const loop = (page, until) => page.evaluate(async (until) => {
  while (Date.now() < until && client.state.status === "signed-in") {
    await client.refresh();
    await new Promise((resolve) => setTimeout(resolve, 300 * Math.random()));
  }
}, until);

/** The same, but the page is reloaded now and then, in the middle of whatever it does. */
async function loopAndReload(page, end) {
  while (Date.now() < end - 3_000) {
    const looping = loop(page, end).catch((error) => assert.match(error.message, /context was destroyed|navigat/i));
    await wait(1_000 + 3_000 * random());
    await page.reload();
    await looping;
    await restore(page);
    assert.ok(await user(page), `a reload finds the session, seed ${SEED}`);
  }
  await loop(page, end);
}

async function run({ what, hasReloads, isBare }, front, storage) {
  const stats = { lost: 0, unanswered: 0, late: 0 };
  const before = front.count(REFRESH);
  front.fate = fates(stats);
  const browsers = [];
  for (let index = 0; index < BROWSERS; index += 1) browsers.push(await start(front, storage, isBare));
  const end = Date.now() + SECONDS * 1000;
  // In memory a session lives as long as one of its tabs: the first one stays.
  const driven = browsers.flatMap((pages) => pages.map((page, index) => (hasReloads && index > 0 ? loopAndReload(page, end) : loop(page, end))));
  const restarted = wait(SECONDS * 500).then(() => front.service.stop()).then(() => front.service.run());
  await Promise.all([restarted, ...driven]);
  const generations = [];
  for (const pages of browsers) {
    for (const page of pages) {
      assert.deepEqual([await status(page), await told(page)], ["signed-in", []], `seed ${SEED}`);
      assert.equal(await page.evaluate("client.fetch('/v1/me').then((response) => response.status)"), 200);
    }
    const { sessions } = await pages[0].evaluate("client.fetch('/v1/sessions').then((response) => response.json())");
    assert.equal(sessions.length, 1, "one session for each browser");
    generations.push(front.generations.get(sessions[0].id));
    await pages[0].context().close();
  }
  const refreshes = front.count(REFRESH) - before;
  const rotations = generations.reduce((sum, one) => sum + one - 1, 0);
  total += refreshes;
  console.log(`  ${what}, ${storage}: ${refreshes} refreshes, ${rotations} rotations, ${JSON.stringify(stats)}: nobody was signed out`);
}

const BOTH = ["cookies", "memory"];
// A page that is reloaded leaves a request behind that may be late, and without locks the requests of the tabs meet: both take a
// settle window that is longer than they are late, by more than a second, since the service counts whole seconds. Else the tabs
// take turns, and every refresh may rotate.
for (const one of [
  { what: "every refresh rotates", settle: "0s", storages: BOTH },
  { what: "with reloads", settle: "4s", storages: BOTH, hasReloads: true },
  { what: "without locks and channels", settle: "4s", storages: ["cookies"], hasReloads: true, isBare: true },
]) {
  const front = await Front.start();
  front.service = await Service.start(`${process.env.FOLDER}/${one.what.replaceAll(" ", "-")}`, {
    issuer: front.origin, ACCESS_TOKEN_LIFETIME: "60s", REFRESH_SETTLE_WINDOW: one.settle, REFRESH_RETRY_WINDOW: "30s",
  });
  for (const storage of one.storages) await run(one, front, storage);
  front.stop();
  await front.service.stop();
}
console.log(`  ${total} refreshes`);
assert.ok(total >= 200, "too few to say anything: set SECONDS");
await browser.close();
