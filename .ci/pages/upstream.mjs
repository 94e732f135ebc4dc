// Services that users sign in at: `oidc-provider`, which is certified for OpenID Connect, and a stand-in for GitHub's calls. Each
// has a host of its own, as its cookies need.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { createHash, generateKeyPairSync, randomBytes } from "node:crypto";
import { writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { resolve } from "node:path";
import { promisify } from "node:util";
import Provider from "oidc-provider";

const run = promisify(execFile);
const CLIENT = { client_id: "tokensmith", client_secret: "a secret: 100%" };

async function listen(host) {
  const server = createServer();
  await new Promise((resolve) => server.listen(0, host, resolve));
  const stop = () => {
    server.close();
    server.closeAllConnections();
  };
  return { server, issuer: `http://${host}:${server.address().port}`, stop };
}

/** A provider of OpenID Connect, at which every name and password logs in. While `isBroken` it redeems no code. */
export async function openid(host, redirectUri) {
  const upstream = { ...await listen(host), isBroken: false };
  const key = generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey.export({ format: "jwk" });
  const claims = (id) => ({ sub: id, preferred_username: id, name: "Ada Lovelace", email: `${id}@example.com`, email_verified: true });
  const provider = new Provider(upstream.issuer, {
    clients: [{ ...CLIENT, redirect_uris: [redirectUri] }],
    jwks: { keys: [{ ...key, kid: "one", use: "sig", alg: "RS256" }] },
    cookies: { keys: [randomBytes(16).toString("hex")] },
    claims: { openid: ["sub"], profile: ["name", "preferred_username"], email: ["email", "email_verified"] },
    ttl: { AccessToken: 600, Grant: 3600, IdToken: 600, Interaction: 600, Session: 3600 },
    findAccount: (_, id) => ({ accountId: id, claims: () => claims(id) }),
  });
  const serve = provider.callback();
  upstream.server.on("request", (request, response) => {
    if (upstream.isBroken && request.url === "/token") response.writeHead(503).end();
    else serve(request, response);
  });
  /** The logins of a browser there are from this many seconds before. */
  upstream.age = async (context, seconds) => {
    const cookie = (await context.cookies(upstream.issuer)).find(({ name }) => name === provider.cookieName("session"));
    const session = await provider.Session.find(cookie.value);
    session.loginTs -= seconds;
    await session.persist();
  };
  /** Logs in as somebody, and agrees, wherever the provider asks for it; until the browser has left it. Returns what was asked. */
  upstream.pass = async (page, login) => {
    const asked = [];
    while (page.url().startsWith(upstream.issuer)) {
      const asksLogin = await page.locator("[name=login]").count() > 0;
      asked.push(asksLogin ? "login" : "consent");
      if (asksLogin) {
        await page.fill("[name=login]", login);
        await page.fill("[name=password]", "any");
      }
      await Promise.all([page.waitForNavigation(), page.click("button[type=submit]")]);
    }
    return asked;
  };
  return upstream;
}

/** GitHub's calls, as its documentation has them: a page to agree, the code for a token, the user and the list of addresses. */
export async function github(host, user, emails) {
  const upstream = await listen(host);
  const codes = new Map();
  const tokens = new Set();
  const asked = [];
  const json = (response, value, status = 200) => response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(value));
  const calls = {
    "GET /login/oauth/authorize": ({ params, response }) => {
      assert.deepEqual([params.get("client_id"), params.get("scope")], [CLIENT.client_id, "read:user user:email"]);
      response.writeHead(200, { "content-type": "text/html" }).end(`<!doctype html><title>GitHub</title><form method="post">
        <button name="authorize" value="1">Authorize</button><button name="authorize" value="0">Cancel</button></form>`);
    },
    "POST /login/oauth/authorize": ({ params, form, response }) => {
      const answer = new URL(params.get("redirect_uri"));
      answer.searchParams.set("state", params.get("state"));
      if (form.get("authorize") === "1") {
        const code = randomBytes(10).toString("hex");
        codes.set(code, params);
        answer.searchParams.set("code", code);
      } else {
        answer.searchParams.set("error", "access_denied");
        answer.searchParams.set("error_description", "The user has denied your application access.");
      }
      response.writeHead(302, { location: answer.href }).end();
    },
    "POST /login/oauth/access_token": ({ form, response, headers }) => {
      assert.match(headers.accept, /json/);
      const begun = codes.get(form.get("code"));
      codes.delete(form.get("code"));
      const challenge = createHash("sha256").update(form.get("code_verifier")).digest("base64url");
      const isRight = begun?.get("code_challenge") === challenge && begun.get("redirect_uri") === form.get("redirect_uri");
      const isOurs = form.get("client_id") === CLIENT.client_id && form.get("client_secret") === CLIENT.client_secret;
      // GitHub says so with the status 200.
      if (!isRight || !isOurs) return json(response, { error: isOurs ? "bad_verification_code" : "incorrect_client_credentials" });
      const token = `gho_${randomBytes(18).toString("hex")}`;
      tokens.add(token);
      json(response, { access_token: token, scope: "read:user,user:email", token_type: "bearer" });
    },
    "GET /api/v3/user": ({ response }) => json(response, user),
    "GET /api/v3/user/emails": ({ response }) => json(response, emails),
  };
  upstream.server.on("request", async (request, response) => {
    const { pathname, searchParams: params } = new URL(request.url, upstream.issuer);
    const call = calls[`${request.method} ${pathname}`];
    asked.push(pathname);
    let body = "";
    for await (const part of request) body += part;
    if (!call) return response.writeHead(404).end();
    if (pathname.startsWith("/api/")) {
      // https://docs.github.com/en/rest/using-the-rest-api/getting-started-with-the-rest-api: it wants to know who asks.
      if (!request.headers["user-agent"]) return json(response, { message: "Request forbidden by administrative rules." }, 403);
      if (!tokens.has(request.headers.authorization?.replace(/^Bearer /, ""))) return json(response, { message: "Bad credentials" }, 401);
    }
    call({ params, form: new URLSearchParams(body), headers: request.headers, response });
  });
  return { ...upstream, asked };
}

/** Has the service with these settings know a provider, which must be able to answer meanwhile. */
export async function configure(env, id, preset, issuer, ...more) {
  const file = resolve("client-secret");
  writeFileSync(file, CLIENT.client_secret);
  const parameters = ["--client-id", CLIENT.client_id, "--client-secret-file", file, "--issuer", issuer, ...more];
  await run(env.TOKENSMITH, ["providers", "create", id, "--preset", preset, ...parameters], { env });
}
