// Passkeys in an app of your own: login, second step, registration. Only browsers have them.

import type { components } from "./api.js";
import type { Client, User } from "./client.js";
import { TokensmithError } from "./error.js";
import { creationOptions, extras, isSupported, jsonOf, requestOptions, textOf } from "./webauthn.js";
import type { Creation, CredentialJson, Question } from "./webauthn.js";

export type Passkey = components["schemas"]["Passkey"];

/** A passkey that is registered now. With the first second factor of the account come its recovery codes, which are shown only
 * here. */
export type NewPasskey = components["schemas"]["NewPasskey"];

/** Why the browser has no passkey for the app: the user has cancelled or waited too long (browsers do not say which); `signal` or
 * another request has ended it; this device has one of the account already; pages of this origin may not use passkeys of that
 * domain; or the browser cannot do it. */
export type PasskeyProblem = "cancelled" | "aborted" | "already_registered" | "wrong_origin" | "not_supported";

/** The browser has no passkey for the app. What the service refuses is a `TokensmithError`, with its code. */
export class PasskeyError extends Error {
  override readonly name = "PasskeyError";
  readonly code: PasskeyProblem;

  constructor(code: PasskeyProblem, cause?: unknown) {
    super(`no passkey: ${code}`, { cause });
    this.code = code;
  }
}

export interface Ending {
  /** Ends the request, as when the user leaves the form: it fails as `aborted`. */
  signal?: AbortSignal;
}

export interface Asking extends Ending {
  /** The user's name for the device. */
  label?: string;
}

export interface Naming extends Ending {
  /** The user's name for the passkey. */
  name?: string;
}

export interface Registering extends Naming {
  /** The `challenge` of a login that failed with `second_factor_enrolment_required`; then `secondStep` goes on with it. */
  challenge?: string;
}

/** How often autofill asks anew, in milliseconds: a challenge lives for five minutes. */
const RENEWED_EVERY = 4 * 60 * 1000;

const PROBLEMS: Record<string, PasskeyProblem> = {
  NotAllowedError: "cancelled",
  AbortError: "aborted",
  InvalidStateError: "already_registered",
  SecurityError: "wrong_origin",
  NotSupportedError: "not_supported",
  ConstraintError: "not_supported",
};

export { isSupported };

/** Signs in by a passkey, without a username. Call it when the user presses a button. */
export async function login(client: Client, { label, signal }: Asking = {}): Promise<User> {
  return signIn(client, label, await use(client, undefined, "optional", signal));
}

/** Has the browser offer passkeys at the field with `autocomplete="username webauthn"`, and signs in the user who takes one.
 * Call it when the form is shown, and after another request has failed. Returns `null` if the browser does not do that, or when
 * `signal` or another request ends it. */
export async function autofill(client: Client, { label, signal }: Asking = {}): Promise<User | null> {
  if (!(await extras().isConditionalMediationAvailable?.())) return null;
  while (!signal?.aborted) {
    const renewal = new AbortController();
    const renew = () => renewal.abort();
    const timer = setTimeout(renew, RENEWED_EVERY);
    signal?.addEventListener("abort", renew);
    try {
      return await signIn(client, label, await use(client, undefined, "conditional", renewal.signal));
    } catch (error) {
      if (!(error instanceof PasskeyError && error.code === "aborted")) throw error;
      // Another request has begun.
      if (!renewal.signal.aborted) return null;
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener("abort", renew);
    }
  }
  return null;
}

/** Goes on with a login, or with `reauthenticate`, that has failed with `second_factor_required`: with the `challenge` of that
 * error, if `passkey` is among its `methods`. */
export async function secondStep(client: Client, challenge: string, { signal }: Ending = {}): Promise<User> {
  return client.continue({ challenge, assertion: await use(client, challenge, "optional", signal) });
}

/** Asks for a passkey before a sensitive action, instead of the password. */
export async function reauthenticate(client: Client, { signal }: Ending = {}): Promise<void> {
  await client.reauthenticate({ assertion: await use(client, undefined, "optional", signal) });
}

/** Makes a passkey for the user, who has authenticated a short time ago (`reauthentication_required`). */
export function register(client: Client, { name, challenge, signal }: Registering = {}): Promise<NewPasskey> {
  return make(client, { challenge }, name, "optional", signal);
}

/** Has the browser make a passkey by itself, right after a login by password. Returns `null` if it does not; it may also answer
 * late, so let the user go on meanwhile. Only for users with a second factor: for others it would be the first one, and their
 * password alone would not sign in any more. */
export async function upgrade(client: Client, { name, signal }: Naming = {}): Promise<NewPasskey | null> {
  const { conditionalCreate } = (await extras().getClientCapabilities?.()) ?? {};
  if (!conditionalCreate) return null;
  try {
    return await make(client, { conditional: true }, name, "conditional", signal);
  } catch (error) {
    if (error instanceof PasskeyError) return null;
    throw error;
  }
}

/** The passkeys of the user, newest first. The browser hears of them, too, and no longer offers others. */
export async function list(client: Client): Promise<Passkey[]> {
  const { passkeys } = await send<components["schemas"]["Passkeys"]>(client, "GET", "/v1/me/passkeys");
  await tell(client, passkeys).catch(() => {});
  return passkeys;
}

/** Removes a passkey; returns the others. */
export async function remove(client: Client, id: string): Promise<Passkey[]> {
  await send(client, "DELETE", `/v1/me/passkeys/${encodeURIComponent(id)}`);
  return list(client);
}

async function signIn(client: Client, label: string | undefined, assertion: CredentialJson): Promise<User> {
  try {
    return await client.login({ assertion, ...(label !== undefined && { label }) });
  } catch (error) {
    const isUnknown = error instanceof TokensmithError && error.code === "passkey_unknown";
    if (isUnknown) await forget(client, assertion.id).catch(() => {});
    throw error;
  }
}

/** Tells the browser that a passkey is not registered any more. Where the domain is not the service's own, another service may
 * know it. */
async function forget(client: Client, credentialId: string): Promise<void> {
  const { rpId } = await question(client, undefined);
  const { hostname, pathname } = new URL(client.service.base);
  if (hostname === rpId && pathname === "/") await extras().signalUnknownCredential?.({ rpId, credentialId });
}

/** Tells the browser which passkeys of the user there are. */
async function tell(client: Client, passkeys: Passkey[]): Promise<void> {
  const { user } = client.state;
  if (!user || !extras().signalAllAcceptedCredentials) return;
  const { rpId } = await question(client, undefined);
  const bytes = user.id.replaceAll("-", "").match(/../g) ?? [];
  const userId = textOf(Uint8Array.from(bytes, (byte) => parseInt(byte, 16)).buffer);
  const allAcceptedCredentialIds = passkeys.map((passkey) => passkey.credential_id);
  await extras().signalAllAcceptedCredentials?.({ rpId, userId, allAcceptedCredentialIds });
}

async function question(client: Client, challenge: string | undefined): Promise<Question> {
  return ((await client.service.post("/v1/tokens/passkey/options", { challenge })) as { publicKey: Question }).publicKey;
}

/** What the page asks the browser for. A browser does one thing at a time: what came before ends first. */
let asked = { controller: new AbortController(), over: Promise.resolve<unknown>(undefined) };

function ask<T>(work: (signal: AbortSignal) => Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  const before = asked;
  const controller = new AbortController();
  const answer = before.over.then(() => guarded(work, controller, signal));
  before.controller.abort();
  asked = { controller, over: answer.catch(() => {}) };
  return answer;
}

async function guarded<T>(
  work: (signal: AbortSignal) => Promise<T>,
  controller: AbortController,
  signal: AbortSignal | undefined,
): Promise<T> {
  if (!isSupported()) throw new PasskeyError("not_supported");
  const stop = () => controller.abort();
  if (signal?.aborted) stop();
  signal?.addEventListener("abort", stop);
  try {
    controller.signal.throwIfAborted();
    return await work(controller.signal);
  } catch (error) {
    const code = error instanceof DOMException ? PROBLEMS[error.name] : undefined;
    throw code ? new PasskeyError(code, error) : error;
  } finally {
    signal?.removeEventListener("abort", stop);
  }
}

/** Waits for an answer of the service, until the signal says that it is not needed any more. */
function unless<T>(signal: AbortSignal, answer: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
    answer.then(resolve, reject);
  });
}

/** What the browser has signed. By the API it may also return nothing. */
function signed(credential: Credential | null): CredentialJson {
  if (!credential) throw new PasskeyError("cancelled");
  return jsonOf(credential);
}

/** Asks the browser for a passkey; returns what that has signed. */
function use(
  client: Client,
  challenge: string | undefined,
  mediation: CredentialMediationRequirement,
  signal: AbortSignal | undefined,
): Promise<CredentialJson> {
  const get = async (signal: AbortSignal) => {
    const publicKey = requestOptions(await unless(signal, question(client, challenge)));
    return signed(await navigator.credentials.get({ publicKey, mediation, signal }));
  };
  return ask(get, signal);
}

async function make(
  client: Client,
  who: { challenge?: string | undefined; conditional?: boolean },
  name: string | undefined,
  mediation: CredentialMediationRequirement,
  signal: AbortSignal | undefined,
): Promise<NewPasskey> {
  const create = async (signal: AbortSignal) => {
    const offer = send<{ publicKey: Creation }>(client, "POST", "/v1/me/passkeys/options", who);
    const { publicKey: json } = await unless(signal, offer);
    // The types do not know `mediation` here.
    const options: CredentialCreationOptions & { mediation: string } = { publicKey: creationOptions(json), mediation, signal };
    return signed(await navigator.credentials.create(options));
  };
  const credential = await ask(create, signal);
  return send<NewPasskey>(client, "POST", "/v1/me/passkeys", { credential, name, challenge: who.challenge });
}

/** A request of the user; returns the JSON of the answer. */
async function send<T>(client: Client, method: string, path: string, body?: object): Promise<T> {
  const content = body && { body: JSON.stringify(body), headers: { "content-type": "application/json" } };
  const response = await client.fetch(client.service.base + path, { method, ...content });
  if (!response.ok) throw await TokensmithError.of(response);
  return (response.status === 204 ? undefined : await response.json()) as T;
}
