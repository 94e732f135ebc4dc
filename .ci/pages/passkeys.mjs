// Passkeys on the pages, in a browser with an authenticator of its own.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { chromium } from "playwright-core";
import { follow, look } from "./look.mjs";

const { ISSUER: issuer, PASSWORD: password, DATABASE: database } = process.env;
const [ada] = process.env.USERS.split(" ");
const APP = "https://app.example.com";
const ASK = "import json, sqlite3, sys; d = sqlite3.connect(sys.argv[1], timeout=30); print(json.dumps(d.execute(sys.argv[2]).fetchall()))";

const browser = await chromium.launch({ executablePath: "/usr/bin/chromium", args: ["--no-sandbox"] });
const stored = (query) => JSON.parse(execFileSync("python3", ["-c", ASK, database, query], { encoding: "utf8" }));
const events = (name) => stored(`select count(*) from audit_events where name = '${name}'`)[0][0];

/** A browser of its own, with an authenticator in it that has these passkeys. */
async function open(credentials = []) {
  const context = await browser.newContext();
  await context.route(`${APP}/**`, (route) => route.fulfill({ contentType: "text/html", body: "the application" }));
  const page = follow(await context.newPage());
  const cdp = await context.newCDPSession(page);
  await cdp.send("WebAuthn.enable");
  const options = {
    protocol: "ctap2", transport: "internal", hasResidentKey: true, hasUserVerification: true, isUserVerified: true,
    automaticPresenceSimulation: true,
  };
  const { authenticatorId } = await cdp.send("WebAuthn.addVirtualAuthenticator", { options });
  const device = {
    add: (credential) => cdp.send("WebAuthn.addCredential", { authenticatorId, credential }),
    all: async () => (await cdp.send("WebAuthn.getCredentials", { authenticatorId })).credentials,
    remove: (credentialId) => cdp.send("WebAuthn.removeCredential", { authenticatorId, credentialId }),
    /** Whether the user touches it when asked. */
    touch: (enabled) => cdp.send("WebAuthn.setAutomaticPresenceSimulation", { authenticatorId, enabled }),
    verify: (isUserVerified) => cdp.send("WebAuthn.setUserVerified", { authenticatorId, isUserVerified }),
  };
  for (const credential of credentials) await device.add(credential);
  return { context, page, device };
}

/** What an access token in a cookie says. */
async function claims(context) {
  const cookies = await context.cookies();
  const { value } = cookies.find(({ name }) => name.endsWith("ts_access"));
  return JSON.parse(Buffer.from(value.split(".")[1], "base64url"));
}

async function logIn(page, username) {
  await page.fill("[name=username]", username);
  await page.fill("[name=password]", password);
  await page.click("main form:first-of-type button");
}

const useButton = (page) => page.locator("form[data-passkey] button");
