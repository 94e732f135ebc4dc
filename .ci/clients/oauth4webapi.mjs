// oauth4webapi: private_key_jwt, form_post, introspection, revocation and client_credentials, by its own strict checks.
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import * as oauth from "oauth4webapi";
import { browse, callback, issuer, refused, register, step, userId } from "./harness.mjs";

const insecure = { [oauth.allowInsecureRequests]: true };
const scope = "openid offline_access notes:read";

const key = await oauth.generateKeyPair("ES256", { extractable: true });
const jwk = await crypto.subtle.exportKey("jwk", key.publicKey);
writeFileSync("jwks.json", JSON.stringify({ keys: [{ ...jwk, kid: "one", alg: "ES256", use: "sig" }] }));
const { client_id } = register("Reports", "--redirect-uri", callback, "--token-endpoint-auth-method", "private_key_jwt",
  "--jwks-file", "jwks.json", "--grant-type", "authorization_code", "--grant-type", "refresh_token",
  "--grant-type", "client_credentials", "--scope", "openid", "--scope", "offline_access", "--scope", "notes:read");
const client = { client_id };
const auth = oauth.PrivateKeyJwt({ key: key.privateKey, kid: "one" });

const api = register("Notes API", "--resource-server", issuer);
const apiAuth = oauth.ClientSecretBasic(api.client_secret);
const other = register("Unrelated", "--redirect-uri", callback, "--token-endpoint-auth-method", "client_secret_post");

const as = await step("discovery by OpenID Connect and by RFC 8414 say the same", async () => {
  const found = [];
  for (const algorithm of ["oidc", "oauth2"]) {
    const answer = await oauth.discoveryRequest(new URL(issuer), { algorithm, ...insecure });
    found.push(await oauth.processDiscoveryResponse(new URL(issuer), answer));
  }
  assert.deepEqual(found[0], found[1]);
  return found[0];
});

/** An authorization request and the checked answer of it. */
async function authorize(parameters) {
  const verifier = oauth.generateRandomCodeVerifier();
  const [state, nonce] = [oauth.generateRandomState(), oauth.generateRandomNonce()];
  const url = new URL(as.authorization_endpoint);
  url.search = new URLSearchParams({
    client_id, redirect_uri: callback, response_type: "code", scope, state, nonce,
    code_challenge: await oauth.calculatePKCECodeChallenge(verifier), code_challenge_method: "S256", ...parameters,
  });
  const end = browse(url);
  const answer = parameters.response_mode === "form_post" ? new URLSearchParams(end.body) : new URL(end.url);
  return { end, verifier, nonce, answered: () => oauth.validateAuthResponse(as, client, answer, state) };
}

async function redeem({ answered, verifier, nonce }) {
  const answer = await oauth.authorizationCodeGrantRequest(as, client, auth, answered(), callback, verifier, insecure);
  const expected = { expectedNonce: nonce, requireIdToken: true };
  const tokens = await oauth.processAuthorizationCodeResponse(as, client, answer, expected);
  await oauth.validateApplicationLevelSignature(as, answer, insecure);
  return tokens;
}

const tokens = await step("code flow with private_key_jwt, the answer by form_post", async () => {
  const authorized = await authorize({ response_mode: "form_post" });
  assert.deepEqual(authorized.end.seen, ["login", "consent", "form_post"], `${authorized.end.seen} ${authorized.end.text}`);
  assert.equal(authorized.end.method, "POST");
  const tokens = await redeem(authorized);
  assert.equal(oauth.getValidatedIdTokenClaims(tokens).sub, userId);
  return tokens;
});

await step("the access token is one of RFC 9068", async () => {
  const request = new Request("http://127.0.0.1:9/", { headers: { authorization: `Bearer ${tokens.access_token}` } });
  const claims = await oauth.validateJwtAccessToken(as, request, issuer, insecure);
  assert.equal(claims.client_id, client_id);
  assert.equal(claims.sub, userId);
  assert.deepEqual(claims.scope.split(" ").sort(), scope.split(" ").sort());
});

await step("userinfo shows no more than the scopes", async () => {
  const info = await oauth.processUserInfoResponse(as, client, userId,
    await oauth.userInfoRequest(as, client, tokens.access_token, insecure));
  assert.deepEqual(info, { sub: userId });
});

const refresh = async (token, parameters) => oauth.processRefreshTokenResponse(as, client,
  await oauth.refreshTokenGrantRequest(as, client, auth, token, { additionalParameters: parameters, ...insecure }));

const narrowed = await step("refresh, with fewer scopes", async () => {
  const narrowed = await refresh(tokens.refresh_token, { scope: "notes:read" });
  assert.equal(narrowed.scope, "notes:read");
  return narrowed;
});

await step("refresh, with more scopes: invalid_scope", () =>
  refused(refresh(narrowed.refresh_token, { scope: "roles" }), "invalid_scope"));

const introspect = async (by, credentials, token) => oauth.processIntrospectionResponse(as, by,
  await oauth.introspectionRequest(as, by, credentials, token, insecure));

await step("introspection: active for the client and for its resource server, for nobody else", async () => {
  for (const [by, credentials] of [[client, auth], [api, apiAuth]]) {
    const answer = await introspect(by, credentials, narrowed.access_token);
    assert.equal(answer.active, true, JSON.stringify(answer));
    assert.equal(answer.client_id, client_id);
    assert.equal(answer.sub, userId);
    assert.equal(answer.scope, "notes:read");
  }
  assert.equal((await introspect(client, auth, narrowed.refresh_token)).active, true);
  const unrelated = oauth.ClientSecretPost(other.client_secret);
  assert.deepEqual(await introspect(other, unrelated, narrowed.access_token), { active: false });
});

await step("a wrong secret: invalid_client, with a challenge", async () => {
  const asked = introspect(api, oauth.ClientSecretBasic("wrong"), narrowed.access_token);
  const error = await asked.then(assert.fail, (error) => error);
  assert.ok(error instanceof oauth.WWWAuthenticateChallengeError, error.stack);
  assert.equal(error.status, 401);
  assert.equal(error.cause[0].scheme, "basic");
});

await step("revocation ends the grant", async () => {
  const revoke = async (token) =>
    oauth.processRevocationResponse(await oauth.revocationRequest(as, client, auth, token, insecure));
  await revoke(narrowed.refresh_token);
  assert.deepEqual(await introspect(api, apiAuth, narrowed.access_token), { active: false });
  await refused(refresh(narrowed.refresh_token), "invalid_grant");
  // RFC 7009 section 2.2: what is not known is revoked.
  await revoke("unknown");
});

await step("client_credentials", async () => {
  const answer = await oauth.clientCredentialsGrantRequest(as, client, auth, { scope: "notes:read" }, insecure);
  const tokens = await oauth.processClientCredentialsResponse(as, client, answer);
  assert.equal(tokens.refresh_token, undefined);
  const request = new Request("http://127.0.0.1:9/", { headers: { authorization: `Bearer ${tokens.access_token}` } });
  assert.equal((await oauth.validateJwtAccessToken(as, request, issuer, insecure)).sub, client_id);
});

await step("what is not allowed is refused with its registered error", async () => {
  const errors = { invalid_scope: { scope: "openid unheard-of" }, unsupported_response_type: { response_type: "token" },
    invalid_request: { code_challenge_method: "plain" }, request_not_supported: { request: "e30.e30." },
    request_uri_not_supported: { request_uri: "https://example.com/" },
    invalid_target: { resource: "https://elsewhere.example" } };
  for (const [code, parameters] of Object.entries(errors)) {
    const { answered, end } = await authorize(parameters);
    assert.deepEqual(end.seen, [], `${code}: ${end.text}`);
    await refused((async () => answered())(), code);
  }
  const login = { username: "ada", password: "x" };
  const answer = await oauth.genericTokenEndpointRequest(as, client, auth, "password", login, insecure);
  await refused(oauth.processGenericTokenEndpointResponse(as, client, answer), "unsupported_grant_type");
});
