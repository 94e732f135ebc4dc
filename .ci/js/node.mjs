// The package in Node, as it is installed into an empty project: the client beside the service, and a service in Express that
// learns of a logout.
import assert from "node:assert/strict";
import { createClient } from "tokensmith";
import { freePort, PASSWORD, Service, start, step, until, wait } from "./harness.mjs";

const LOGOUTS = Number(process.env.LOGOUTS ?? 25);
const service = await Service.start(`${process.env.FOLDER}/node`, { REAUTHENTICATION_PERIOD: "1s", SCOPES: "notes:read" });
const baseUrl = service.address;
service.addUser("ada");
service.addUser("root", "--role", "admin");

const login = { username: "ada", password: PASSWORD };

await step("a script logs in, calls, refreshes, gives the password again, and logs out", async () => {
  const told = [];
  const client = createClient({ baseUrl, storage: "memory", onSignedOut: (reason) => told.push(reason) });
  assert.equal(await client.restore(), null);
  await assert.rejects(client.login({ ...login, password: "wrong" }), { code: "bad_credentials", status: 401 });
  assert.equal((await client.login(login)).username, "ada");
  const first = await client.accessToken();
  assert.equal((await client.fetch(`${baseUrl}/v1/me`)).status, 200);
  await client.refresh();
  assert.notEqual(await client.accessToken(), first);
  await wait(2_000);
  const makeToken = () => client.fetch(`${baseUrl}/v1/api-tokens`, {
    method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify({ name: "backup" }),
  });
  assert.equal((await (await makeToken()).json()).code, "reauthentication_required");
  // The service counts whole seconds, and one may end in between.
  await until("a password just given is enough", async () => {
    await client.reauthenticate(PASSWORD);
    return (await makeToken()).status === 201;
  });
  await client.logout();
  assert.deepEqual([client.state.status, told], ["signed-out", ["logout"]]);
  assert.equal((await client.fetch(`${baseUrl}/v1/me`)).status, 401);
});

await step("two clients in one process are two users", async () => {
  const ada = createClient({ baseUrl, storage: "memory" });
  const root = createClient({ baseUrl, storage: "memory" });
  await Promise.all([ada.login(login), root.login({ ...login, username: "root" })]);
  await Promise.all([ada.refresh(), root.refresh()]);
  assert.deepEqual([ada.state.user.username, root.state.user.username], ["ada", "root"]);
  await ada.logout();
  assert.equal(root.state.status, "signed-in");
});

await step("a storage of one's own survives a restart of the program", async () => {
  let kept;
  const storage = { get: () => kept, set: (value) => void (kept = value), remove: () => void (kept = undefined) };
  await createClient({ baseUrl, storage }).login(login);
  const restarted = createClient({ baseUrl, storage });
  assert.equal((await restarted.restore()).username, "ada");
  assert.equal((await restarted.fetch(`${baseUrl}/v1/me`)).status, 200);
  await restarted.logout();
  assert.equal(kept, undefined);
});

await step("a program that is done ends by itself", async () => {
  const program = `
    import { createClient } from "tokensmith";
    import { createVerifier } from "tokensmith/verify";
    const client = createClient({ baseUrl: "${baseUrl}", storage: "memory", tabs: true });
    await client.login(${JSON.stringify(login)});
    const verifier = createVerifier({ issuer: "${baseUrl}", audience: "${baseUrl}" });
    console.log((await verifier.verify(await client.accessToken())).sub);`;
  const child = start(process.execPath, ["--input-type=module", "-e", program], { stdio: ["ignore", "pipe", "inherit"] });
  let printed = "";
  child.stdout.on("data", (data) => (printed += data));
  let code;
  child.on("exit", (status) => (code = status));
  await until("it ends", () => code !== undefined);
  assert.equal(code, 0);
  assert.match(printed, /^[0-9a-f-]{36}\n$/);
});

const port = await freePort();
const notes = `http://127.0.0.1:${port}`;
const express = start(process.execPath, ["example.mjs"], { env: { ...process.env, ISSUER: baseUrl, PORT: String(port) }, stdio: "inherit" });
const ask = (path, token) => fetch(notes + path, { headers: token ? { authorization: `Bearer ${token}` } : {} });
await until("Express listens", () => ask("/healthz").then(({ ok }) => ok, () => false));

await step("Express lets in who has a token, and asks for roles", async () => {
  const [ada, root] = [await service.login("ada"), await service.login("root")];
  assert.deepEqual(await (await ask("/notes", ada.access_token)).json(), { owner: ada.user.id });
  assert.equal((await ask("/admin", root.access_token)).status, 200);
  const refused = await ask("/admin", ada.access_token);
  assert.deepEqual([refused.status, (await refused.json()).code], [403, "role_missing"]);
  assert.match(refused.headers.get("www-authenticate"), /^Bearer realm="[^"]+", error="insufficient_scope", error_description=/);
  for (const [token, code] of [[undefined, "access_token_missing"], ["garbage", "token_malformed"], [ada.refresh_token, "token_wrong_type"]]) {
    const response = await ask("/notes", token);
    assert.deepEqual([response.status, (await response.json()).code], [401, code]);
  }
});

await step(`${LOGOUTS} logouts, and each token is refused in time`, async () => {
  const took = [];
  for (let count = 0; count < LOGOUTS; count += 1) {
    const { access_token } = await service.login("ada");
    assert.equal((await ask("/notes", access_token)).status, 200);
    await service.post("/v1/logout", undefined, { authorization: `Bearer ${access_token}` });
    took.push(await until("the token is refused", async () => (await ask("/notes", access_token)).status !== 200));
  }
  took.sort((one, other) => one - other);
  const at = (part) => Math.round(took[Math.min(took.length - 1, Math.floor(part * took.length))]);
  console.log(`  logout to refusal: p50 ${at(0.5)} ms, p99 ${at(0.99)} ms, most ${at(1)} ms`);
  // One may be late: the machine itself may have stood still.
  assert.ok(took.at(-2) < 2_000);
});

await step("new signing keys are known at once", async () => {
  service.operate("keys", "rotate", "--emergency", "--yes");
  const { access_token } = await service.login("ada");
  assert.equal((await ask("/notes", access_token)).status, 200);
});

await step("while tokensmith is down, tokens still count", async () => {
  const { access_token } = await service.login("ada");
  assert.equal((await ask("/notes", access_token)).status, 200);
  await service.stop();
  await wait(1_500);
  assert.equal((await ask("/notes", access_token)).status, 200);
});

express.kill();
