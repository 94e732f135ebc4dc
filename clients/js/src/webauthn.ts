// The JSON forms of WebAuthn (level 3 section 5.1), also in browsers that do not know them.

export interface CredentialJson {
  id: string;
  type: string;
  response: object;
}

export interface Question {
  rpId: string;
  challenge: string;
  allowCredentials: { id: string; type: "public-key"; transports?: string[] }[];
}

export interface Creation {
  challenge: string;
  user: { id: string };
  excludeCredentials: { id: string }[];
}

/** What newer browsers have, and older ones lack. */
interface Extras {
  parseRequestOptionsFromJSON?: (json: unknown) => PublicKeyCredentialRequestOptions;
  parseCreationOptionsFromJSON?: (json: unknown) => PublicKeyCredentialCreationOptions;
  isConditionalMediationAvailable?: () => Promise<boolean>;
  getClientCapabilities?: () => Promise<Record<string, boolean>>;
  signalUnknownCredential?: (gone: { rpId: string; credentialId: string }) => Promise<void>;
  signalAllAcceptedCredentials?: (all: { rpId: string; userId: string; allAcceptedCredentialIds: string[] }) => Promise<void>;
}

/** Whether the browser has passkeys here: by https, or at `localhost`. */
export const isSupported = (): boolean => globalThis.PublicKeyCredential !== undefined;

export const extras = (): Extras => (isSupported() ? (PublicKeyCredential as unknown as Extras) : {});

export function requestOptions(json: Question): PublicKeyCredentialRequestOptions {
  const { parseRequestOptionsFromJSON: parse } = extras();
  if (parse) return parse.call(PublicKeyCredential, json);
  const bytes = { challenge: bytesOf(json.challenge), allowCredentials: withBytes(json.allowCredentials) };
  return { ...json, ...bytes } as unknown as PublicKeyCredentialRequestOptions;
}

export function creationOptions(json: Creation): PublicKeyCredentialCreationOptions {
  const { parseCreationOptionsFromJSON: parse } = extras();
  if (parse) return parse.call(PublicKeyCredential, json);
  const bytes = { challenge: bytesOf(json.challenge), excludeCredentials: withBytes(json.excludeCredentials) };
  const user = { ...json.user, id: bytesOf(json.user.id) };
  return { ...json, ...bytes, user } as unknown as PublicKeyCredentialCreationOptions;
}

const withBytes = <T extends { id: string }>(named: T[]) => named.map((one) => ({ ...one, id: bytesOf(one.id) }));

export function jsonOf(credential: Credential): CredentialJson {
  const made = credential as PublicKeyCredential;
  if (typeof made.toJSON === "function") return made.toJSON() as CredentialJson;
  const { id, type, response } = made;
  const clientDataJSON = textOf(response.clientDataJSON);
  if (isAttestation(response)) {
    const attestationObject = textOf(response.attestationObject);
    return { id, type, response: { clientDataJSON, attestationObject, transports: response.getTransports?.() ?? [] } };
  }
  const { authenticatorData, signature, userHandle } = response as AuthenticatorAssertionResponse;
  const signed = { authenticatorData: textOf(authenticatorData), signature: textOf(signature) };
  return { id, type, response: { clientDataJSON, ...signed, userHandle: userHandle && textOf(userHandle) } };
}

/** Password managers make objects of their own. */
const isAttestation = (response: AuthenticatorResponse): response is AuthenticatorAttestationResponse =>
  "attestationObject" in response;

/** Base64url without padding, as WebAuthn has it. */
const bytesOf = (text: string) =>
  Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (char) => char.charCodeAt(0));

export const textOf = (buffer: ArrayBuffer) =>
  btoa(String.fromCharCode(...new Uint8Array(buffer))).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
