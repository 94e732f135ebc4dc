// Passkeys in an app of one's own, in Chromium with its virtual authenticator: on the origin of the service, and on another one
// that may use them.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { Front, launch, PASSWORD, Service, step, tab } from "./harness.mjs";

/** An app by name: browsers have no passkeys at an address. */
async function app() {
  const front = await Front.start();
  front.origin = front.origin.replace("127.0.0.1", "localhost");
  return front;
}

const [front, other, foreign] = [await app(), await app(), await app()];
const service = await Service.start(`${process.env.FOLDER}/passkeys`, {
  issuer: front.origin, CORS_ORIGINS: `${other.origin},${foreign.origin},${foreign.origin.replace("localhost", "127.0.0.1")}`,
  PASSKEY_ORIGINS: `${front.origin},${other.origin}`, REQUIRE_SECOND_FACTOR: "admins",
});
for (const one of [front, other, foreign]) one.service = service;
const browser = await launch();

/** A page of an app with an authenticator of its own. */
async function open(front, options, authenticator = {}) {
  const context = await browser.newContext();
  const page = await tab(context, front, options);
  await page.evaluate(() => import("/tokensmith/passkeys.js").then((module) => void (window.passkeys = module)));
  const cdp = await context.newCDPSession(page);
  await cdp.send("WebAuthn.enable");
  const { authenticatorId } = await cdp.send("WebAuthn.addVirtualAuthenticator", { options: {
    protocol: "ctap2", transport: "internal", hasResidentKey: true, hasUserVerification: true, isUserVerified: true,
    automaticPresenceSimulation: true, ...authenticator,
  } });
  const device = {
    add: (credential) => cdp.send("WebAuthn.addCredential", { authenticatorId, credential }),
    all: async () => (await cdp.send("WebAuthn.getCredentials", { authenticatorId })).credentials,
    touch: (enabled) => cdp.send("WebAuthn.setAutomaticPresenceSimulation", { authenticatorId, enabled }),
    verify: (isUserVerified) => cdp.send("WebAuthn.setUserVerified", { authenticatorId, isUserVerified }),
    forgotten: () => new Promise((resolve) => cdp.once("WebAuthn.credentialDeleted", ({ credentialId }) => resolve(credentialId))),
  };
  return { context, page, device };
}

/** What code of the page returns, or the kind and code of its error. */
const run = (page, code) => page.evaluate(`(async () => ${code})().then((value) => value ?? null, (error) => {
  const { name, code, status, challenge, methods, message } = error;
  return { failed: code ?? message, name, status, challenge, methods };
})`);

const password = (username) => `client.login(${JSON.stringify({ username, password: PASSWORD })})`;
const name = (user) => user.username ?? user;

/** Whether the page asks the browser for something of this kind. */
const asks = (page, mediation) => page.waitForFunction((mediation) => window.asked?.at(-1) === mediation, mediation);
const noteQuestions = (page) => page.evaluate(() => {
  const get = navigator.credentials.get.bind(navigator.credentials);
  window.asked = [];
  navigator.credentials.get = (options) => {
    window.asked.push(options.mediation);
    return get(options);
  };
});

for (const [where, at, storage] of [["the same origin", front, "cookies"], ["another origin", other, "cookies"], ["another origin", other, "memory"]]) {
  console.log(`${where}, ${storage}`);
  const ada = `ada-${where.split(" ")[0]}-${storage}`;
  service.addUser(ada);
  const { context, page, device } = await open(at, { storage, baseUrl: front.origin });

  await step("register", async () => {
    assert.equal(name(await run(page, password(ada))), ada);
    const made = await run(page, `passkeys.register(client, { name: "my laptop" })`);
    assert.deepEqual([made.name, made.recovery_codes.length], ["my laptop", 10]);
    assert.deepEqual((await run(page, "passkeys.list(client)")).map((passkey) => passkey.id), [made.id]);
    const again = await run(page, "passkeys.register(client)");
    assert.deepEqual([again.name, again.failed], ["PasskeyError", "already_registered"]);
    assert.equal((await device.all()).length, 1);
  });

  await step("log in by the button, and call the service", async () => {
    await run(page, "client.logout()");
    assert.equal(name(await run(page, "passkeys.login(client)")), ada);
    assert.equal(await run(page, `client.fetch("${front.origin}/v1/me").then(({ status }) => status)`), 200);
  });

  await step("authenticate again, and the second step after a password", async () => {
    assert.equal(await run(page, "passkeys.reauthenticate(client)"), null);
    await run(page, "client.logout()");
    const { failed, challenge, methods } = await run(page, password(ada));
    assert.deepEqual([failed, methods], ["second_factor_required", ["recovery_code", "passkey"]]);
    assert.equal(name(await run(page, `passkeys.secondStep(client, "${challenge}")`)), ada);
    const used = await run(page, `passkeys.secondStep(client, "${challenge}")`);
    assert.deepEqual([used.name, used.failed, used.status], ["TokensmithError", "bad_challenge", 401]);
  });

  await step("autofill signs in who takes what the browser offers", async () => {
    await run(page, "client.logout()");
    assert.equal(name(await run(page, "passkeys.autofill(client)")), ada);
    await run(page, "client.logout()");
  });

  await step("while autofill waits the button asks: one request ends before the other begins", async () => {
    await noteQuestions(page);
    await device.touch(false);
    await page.evaluate(() => void (window.filled = passkeys.autofill(client)));
    await asks(page, "conditional");
    await page.evaluate(() => void (window.pressed = passkeys.login(client)));
    assert.equal(await run(page, "filled"), null);
    await asks(page, "optional");
    await page.evaluate(() => {
      const controller = new AbortController();
      window.stop = () => controller.abort();
      window.filled = passkeys.autofill(client, { signal: controller.signal });
    });
    assert.deepEqual((await run(page, "pressed")).failed, "aborted");
    await asks(page, "conditional");
    await page.evaluate("stop()");
    assert.equal(await run(page, "filled"), null);
    await device.touch(true);
    assert.equal(name(await run(page, "passkeys.login(client)")), ada);
    await run(page, "client.logout()");
  });

  await step("who does not show who they are is told so", async () => {
    await device.verify(false);
    const refused = await run(page, "passkeys.login(client)");
    assert.deepEqual([refused.name, refused.failed], ["PasskeyError", "cancelled"]);
    await device.verify(true);
  });

  await step("removed here, and forgotten by the browser; and so is one that was removed elsewhere", async () => {
    await run(page, "passkeys.login(client)");
    const [kept] = await device.all();
    const forgotten = device.forgotten();
    assert.deepEqual(await run(page, `passkeys.list(client).then(([{ id }]) => passkeys.remove(client, id))`), []);
    assert.equal(await forgotten, kept.credentialId);
    await run(page, "client.logout()");
    await device.add(kept);
    const again = device.forgotten();
    const unknown = await run(page, "passkeys.login(client)");
    assert.deepEqual([unknown.name, unknown.failed, unknown.status], ["TokensmithError", "passkey_unknown", 401]);
    assert.equal(await again, kept.credentialId);
  });
  await context.close();
}

console.log("on the origin of the service");

await step("a login that asks for enrolment is enrolled by a passkey, and goes on", async () => {
  service.addUser("root", "--role", "admin");
  const { context, page } = await open(front, { storage: "cookies" });
  const { failed, challenge } = await run(page, password("root"));
  assert.equal(failed, "second_factor_enrolment_required");
  assert.equal((await run(page, `passkeys.register(client, { challenge: "${challenge}" })`)).recovery_codes.length, 10);
  assert.equal(name(await run(page, `passkeys.secondStep(client, "${challenge}")`)), "root");
  await context.close();
});

let recoveryCode;

await step("a browser that does not know the JSON forms", async () => {
  service.addUser("joan");
  const { context, page } = await open(front, { storage: "memory" });
  await page.evaluate(() => {
    delete PublicKeyCredential.parseRequestOptionsFromJSON;
    delete PublicKeyCredential.parseCreationOptionsFromJSON;
    delete PublicKeyCredential.prototype.toJSON;
  });
  await run(page, password("joan"));
  const made = await run(page, "passkeys.register(client)");
  assert.equal(made.name, "Passkey");
  recoveryCode = made.recovery_codes[0];
  assert.equal((await run(page, "passkeys.register(client)")).failed, "already_registered");
  await run(page, "client.logout()");
  assert.equal(name(await run(page, "passkeys.login(client, { label: 'phone' })")), "joan");
  await context.close();
});

await step("right after a login by password the browser makes a passkey by itself", async () => {
  const { context, page, device } = await open(front, { storage: "cookies" });
  const { challenge } = await run(page, password("joan"));
  assert.equal(name(await run(page, `client.continue({ challenge: "${challenge}", recoveryCode: "${recoveryCode}" })`)), "joan");
  // Chromium does that only for a password that its manager has filled in. Here the authenticator answers without that.
  await page.evaluate(() => {
    const create = navigator.credentials.create.bind(navigator.credentials);
    navigator.credentials.create = ({ mediation, ...options }) => {
      window.mediation = mediation;
      return window.isRefused ? Promise.reject(new DOMException("", "NotAllowedError")) : create(options);
    };
  });
  await page.evaluate("isRefused = true");
  assert.equal(await run(page, "passkeys.upgrade(client)"), null);
  await page.evaluate("isRefused = false");
  const made = await run(page, `passkeys.upgrade(client, { name: "by itself" })`);
  assert.deepEqual([made.name, made.recovery_codes, await page.evaluate("mediation")], ["by itself", undefined, "conditional"]);
  assert.equal((await device.all()).length, 1);
  assert.equal((await run(page, "passkeys.list(client)")).length, 2);
  await page.evaluate("PublicKeyCredential.getClientCapabilities = async () => ({})");
  assert.equal(await run(page, "passkeys.upgrade(client)"), null);
  await context.close();
});

await step("a browser without passkeys, and one that does not fill in", async () => {
  const { context, page } = await open(front, { storage: "memory" });
  await page.evaluate(() => { PublicKeyCredential.isConditionalMediationAvailable = async () => false; });
  assert.equal(await run(page, "passkeys.autofill(client)"), null);
  assert.equal(await run(page, "passkeys.isSupported()"), true);
  await page.evaluate("delete window.PublicKeyCredential");
  assert.equal(await run(page, "passkeys.isSupported()"), false);
  assert.equal(await run(page, "passkeys.autofill(client)"), null);
  assert.equal(await run(page, "passkeys.upgrade(client)"), null);
  const { name, failed } = await run(page, "passkeys.login(client)");
  assert.deepEqual([name, failed], ["PasskeyError", "not_supported"]);
  await context.close();
});

await step("an origin that may not: the service refuses it, or the browser", async () => {
  service.addUser("grace");
  const { context, page } = await open(foreign, { storage: "memory", baseUrl: front.origin });
  await run(page, password("grace"));
  assert.equal((await run(page, "passkeys.register(client)")).failed, "passkey_refused");
  await context.close();
  foreign.origin = foreign.origin.replace("localhost", "127.0.0.1");
  const elsewhere = await open(foreign, { storage: "memory", baseUrl: front.origin });
  await run(elsewhere.page, password("grace"));
  assert.equal((await run(elsewhere.page, "passkeys.register(client)")).failed, "wrong_origin");
  await elsewhere.context.close();
});

await step("the book's code", async () => {
  service.addUser("hedy");
  const { context, page, device } = await open(front, { storage: "cookies" });
  front.app = readFileSync("login.mjs", "utf8").replace("https://id.example.com", front.origin);
  await page.evaluate(() => import("/app.mjs").then((module) => void Object.assign(window, module)));
  const byPassword = `login("hedy", ${JSON.stringify(PASSWORD)})`;
  assert.equal(name(await run(page, byPassword)), "hedy");
  await page.evaluate("window.showRecoveryCodes = (codes) => (window.shown = codes)");
  assert.equal(await run(page, `addPasskey("my laptop")`), null);
  const [code, another] = await page.evaluate("shown");
  await run(page, "session.logout()");
  assert.equal(name(await run(page, byPassword)), "hedy", "with the passkey as the second step");
  await run(page, "session.logout()");
  for (const byPasskey of ["loginByPasskey()", "offerPasskeys()"]) {
    assert.equal(name(await run(page, byPasskey)), "hedy");
    await run(page, "session.logout()");
  }
  await device.verify(false);
  assert.equal(await run(page, "loginByPasskey()"), null, "cancelled");
  await page.evaluate((code) => {
    window.askForCode = async () => ({ recoveryCode: code });
    navigator.credentials.get = async () => null;
  }, another);
  assert.equal(name(await run(page, byPassword)), "hedy", "with a code, after the passkey was cancelled");
  await run(page, "session.logout()");
  await page.evaluate((code) => {
    window.askForCode = async () => ({ recoveryCode: code });
    delete window.PublicKeyCredential;
  }, code);
  assert.equal(name(await run(page, byPassword)), "hedy", "with a code");
  await context.close();
});

await browser.close();
for (const one of [front, other, foreign]) one.stop();
await service.stop();
