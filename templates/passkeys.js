// Passkeys on the pages. The browser offers them at the field for the username, and a button asks for one. What a passkey
// says is posted by a form of the page, like a password.

/** How often to ask anew while a login page is open, in milliseconds: a challenge lives for five minutes. */
const RENEWED_EVERY = 4 * 60 * 1000;

const bytesOf = (text) => Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (c) => c.charCodeAt(0));
const textOf = (buffer) =>
  btoa(String.fromCharCode(...new Uint8Array(buffer))).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");

/** What the browser is asked for. A browser does one thing at a time: what came before ends first. */
let asked = { controller: new AbortController(), over: Promise.resolve() };
let timer;

function ask(form, mediation) {
  const before = asked;
  const controller = new AbortController();
  before.controller.abort();
  const answer = before.over.then(() => use(form, mediation, controller.signal));
  asked = { controller, over: answer.catch(() => {}) };
  return answer;
}

async function use(form, mediation, signal) {
  const challenge = form.elements.challenge?.value;
  const response = await fetch(form.dataset.passkey, {
    method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify({ challenge }), signal,
  });
  if (!response.ok) throw new Error(`${response.status}`);
  const { publicKey } = await response.json();
  publicKey.challenge = bytesOf(publicKey.challenge);
  for (const one of publicKey.allowCredentials) one.id = bytesOf(one.id);
  const { id, type, response: signed } = await navigator.credentials.get({ publicKey, mediation, signal });
  form.elements.assertion.value = JSON.stringify({
    id, type,
    response: {
      clientDataJSON: textOf(signed.clientDataJSON), authenticatorData: textOf(signed.authenticatorData),
      signature: textOf(signed.signature), userHandle: signed.userHandle && textOf(signed.userHandle),
    },
  });
  form.submit();
}

/** Has the browser offer passkeys at the field for the username. */
function autofill(form) {
  ask(form, "conditional").catch(() => {});
  timer = setTimeout(() => autofill(form), RENEWED_EVERY);
}

/** Shows a form that needs this script, and does `work` when it is sent, instead of sending it. */
function instead(form, work) {
  const problem = form.querySelector("[role=status]");
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    problem.hidden = true;
    problem.hidden = await work();
  });
  form.hidden = false;
}

async function login(form) {
  const field = document.querySelector("[autocomplete~=webauthn]");
  const fills = field && (await PublicKeyCredential.isConditionalMediationAvailable?.());
  instead(form, async () => {
    clearTimeout(timer);
    const answer = ask(form, "optional");
    const mine = asked;
    try {
      await answer;
      return true;
    } catch {
      // It was pressed once more.
      if (asked !== mine) return true;
      if (fills) autofill(form);
      return false;
    }
  });
  if (fills) autofill(form);
  // It was removed here: the browser need not offer it any more.
  const { rp: rpId, unknown: credentialId } = form.dataset;
  if (credentialId) await PublicKeyCredential.signalUnknownCredential?.({ rpId, credentialId });
}

async function make(form, json, mediation) {
  const publicKey = JSON.parse(json);
  publicKey.challenge = bytesOf(publicKey.challenge);
  publicKey.user.id = bytesOf(publicKey.user.id);
  for (const one of publicKey.excludeCredentials) one.id = bytesOf(one.id);
  const { id, type, response } = await navigator.credentials.create({ publicKey, mediation });
  form.elements.credential.value = JSON.stringify({
    id, type,
    response: {
      clientDataJSON: textOf(response.clientDataJSON), attestationObject: textOf(response.attestationObject),
      transports: response.getTransports?.() ?? [],
    },
  });
}

async function add(form) {
  try {
    await make(form, form.dataset.create);
  } catch {
    return false;
  }
  form.submit();
  return true;
}

/** Right after a login by password the browser may make a passkey by itself. */
async function upgrade(form) {
  const { conditionalCreate } = (await PublicKeyCredential.getClientCapabilities?.()) ?? {};
  if (!conditionalCreate) return;
  await make(form, form.dataset.upgrade, "conditional");
  const body = new URLSearchParams(new FormData(form));
  const { type } = await fetch(form.action, { method: "POST", body, redirect: "manual" });
  document.querySelector("[data-upgraded]").hidden = type !== "opaqueredirect";
}

if (!window.PublicKeyCredential) {
  for (const text of document.querySelectorAll("[data-no-passkeys]")) text.hidden = false;
} else {
  const named = (name) => document.querySelector(`[data-${name}]`);
  const [passkey, create, list, upgraded] = ["passkey", "create", "accepted", "upgrade"].map(named);
  if (passkey) await login(passkey);
  if (create) instead(create, () => add(create));
  // The browser has no reason to, or the user does not want to.
  if (upgraded) await upgrade(upgraded).catch(() => {});
  if (list) {
    const { rp: rpId, user: userId, accepted } = list.dataset;
    const allAcceptedCredentialIds = accepted.split(" ").filter(Boolean);
    await PublicKeyCredential.signalAllAcceptedCredentials?.({ rpId, userId, allAcceptedCredentialIds });
  }
}
