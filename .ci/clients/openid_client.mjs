// openid-client: a confidential web application with refresh tokens.
import assert from "node:assert/strict";
import * as client from "openid-client";
import { browse, callback, goodbye, issuer, refused, register, step, userId, username } from "./harness.mjs";

const registered = register("Notes", "--redirect-uri", callback, "--post-logout-redirect-uri", goodbye,
  "--scope", "openid", "--scope", "profile", "--scope", "email", "--scope", "offline_access");
const scope = "openid profile email offline_access";

const secret = client.ClientSecretBasic(registered.client_secret);
const execute = [client.allowInsecureRequests, client.enableNonRepudiationChecks];
const config = await step("discovery", () =>
  client.discovery(new URL(issuer), registered.client_id, {}, secret, { execute }));

/** An authorization request, and what its answer is checked against. */
async function begin(parameters = {}) {
  const pkceCodeVerifier = client.randomPKCECodeVerifier();
  const [expectedState, expectedNonce] = [client.randomState(), client.randomNonce()];
  const checks = { pkceCodeVerifier, expectedState, expectedNonce, idTokenExpected: true };
  const url = client.buildAuthorizationUrl(config, {
    redirect_uri: callback, scope, state: expectedState, nonce: expectedNonce,
    code_challenge: await client.calculatePKCECodeChallenge(pkceCodeVerifier), code_challenge_method: "S256", ...parameters,
  });
  return { url, checks };
}

const redeem = (end, checks) => client.authorizationCodeGrant(config, new URL(end.url), checks);

const tokens = await step("code flow with PKCE, state, nonce and iss; login and consent pages", async () => {
  const { url, checks } = await begin({ max_age: "300" });
  const end = browse(url);
  assert.deepEqual(end.seen, ["login", "consent"], `the pages shown: ${end.seen} ${end.text}`);
  assert.equal(new URL(end.url).searchParams.get("iss"), issuer);
  const tokens = await redeem(end, { ...checks, maxAge: 300 });
  assert.equal(tokens.claims().sub, userId);
  assert.ok(tokens.refresh_token, "a refresh token for offline_access");
  return tokens;
});

await step("userinfo: sub, preferred_username, name and email", async () => {
  const info = await client.fetchUserInfo(config, tokens.access_token, userId);
  assert.equal(info.preferred_username, username);
  assert.equal(info.email, "ada@example.com");
  assert.equal(info.name, "Ada Lovelace");
});

const refreshed = await step("refresh", async () => {
  const refreshed = await client.refreshTokenGrant(config, tokens.refresh_token);
  assert.notEqual(refreshed.refresh_token, tokens.refresh_token, "refresh tokens rotate");
  await client.fetchUserInfo(config, refreshed.access_token, userId);
  return refreshed;
});

await step("prompt=none while the browser is signed in: an answer without a page", async () => {
  const { url, checks } = await begin({ prompt: "none" });
  const end = browse(url);
  assert.deepEqual(end.seen, []);
  assert.equal((await redeem(end, checks)).claims().sub, userId);
});

await step("a second login is not asked for consent again; prompt=login asks for the password", async () => {
  const silent = await begin();
  assert.deepEqual(browse(silent.url).seen, []);
  const { url, checks } = await begin({ prompt: "login" });
  const end = browse(url);
  assert.deepEqual(end.seen, ["login"]);
  await redeem(end, checks);
});

await step("deny: access_denied, with state and iss", async () => {
  const { url, checks } = await begin({ prompt: "consent" });
  const end = browse(url, { decision: "deny" });
  assert.deepEqual(end.seen, ["consent"]);
  const error = await refused(redeem(end, checks), "access_denied");
  assert.equal(error.cause.get("iss"), issuer);
});

await step("a code is good once, and with its verifier only", async () => {
  const { url, checks } = await begin();
  const end = browse(url);
  await refused(redeem(end, { ...checks, pkceCodeVerifier: client.randomPKCECodeVerifier() }), "invalid_grant");
  const second = await begin();
  const answer = browse(second.url);
  const first = await redeem(answer, second.checks);
  await refused(redeem(answer, second.checks), "invalid_grant");
  await refused(client.refreshTokenGrant(config, first.refresh_token), "invalid_grant");
});

await step("RP-initiated logout comes back with the state, without a question", async () => {
  const url = client.buildEndSessionUrl(config, {
    id_token_hint: refreshed.id_token ?? tokens.id_token, post_logout_redirect_uri: goodbye, state: "a-state",
  });
  const end = browse(url);
  assert.equal(end.url, `${goodbye}?state=a-state`, end.text);
  assert.deepEqual(end.seen, []);
});

await step("prompt=none after the logout: login_required", async () => {
  const { url, checks } = await begin({ prompt: "none" });
  await refused(redeem(browse(url), checks), "login_required");
});

await step("a grant with offline_access outlives the logout, and ends when it is revoked", async () => {
  const { refresh_token } = await client.refreshTokenGrant(config, refreshed.refresh_token);
  await client.tokenRevocation(config, refresh_token);
  await refused(client.refreshTokenGrant(config, refresh_token), "invalid_grant");
});
