// What the programs in JavaScript share: the service's address, registering a client, and the browser without JavaScript.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";

export const { ISSUER: issuer, USERNAME: username, PASSWORD: password, USER_ID: userId } = process.env;

/** There is no server here: the browser stops before it. */
export const callback = "http://127.0.0.1:9/callback";
export const goodbye = "http://127.0.0.1:9/goodbye";

/** Registers a client as an operator does. */
export function register(name, ...options) {
  return JSON.parse(execFileSync(process.env.TOKENSMITH, ["clients", "create", name, ...options, "--json"]));
}

/** Opens a URL in a browser that has its cookies in a file of this name, and returns where it ends. */
export function browse(url, { decision = "allow", cookies = "cookies" } = {}) {
  const stop = "http://127.0.0.1:9/";
  return JSON.parse(execFileSync("python3", ["browser.py", cookies, stop, String(url), decision]));
}

/** Runs a step and says so in a line. */
export async function step(what, run) {
  try {
    const value = await run();
    console.log(`  ${what}`);
    return value;
  } catch (error) {
    console.error(`  FAILED: ${what}`);
    throw error;
  }
}

/** That a promise fails with an OAuth error. */
export async function refused(promise, code) {
  const unexpected = (value) => assert.fail(`${code} expected, not ${JSON.stringify(value)}`);
  const error = await promise.then(unexpected, (error) => error);
  assert.equal(error.error, code, `${code} expected, not ${error.stack} ${JSON.stringify(error.cause)}`);
  return error;
}
