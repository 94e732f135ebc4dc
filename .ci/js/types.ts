// What the types of the package promise to a user with TypeScript; it is only compiled.
import express from "express";
import { createClient, TokensmithError, type ErrorCode, type TokenStorage } from "tokensmith";
import { isSupported, PasskeyError, register, upgrade, type NewPasskey } from "tokensmith/passkeys";
import { createVerifier, hasRole } from "tokensmith/verify";

const verifier = createVerifier({ issuer: "https://id.example.com", audience: "https://api.example.com", denylist: { require: 10 } });
const app = express();
app.use(verifier.serveMetadata);
app.get("/notes", verifier.requireToken({ role: "editor" }), (request, response) => {
  const { sub, roles } = request.claims!;
  response.json({ sub, roles, isAdmin: hasRole(request.claims!, "admin") });
});

export async function logIn(storage: TokenStorage): Promise<string> {
  const client = createClient({ baseUrl: "https://id.example.com", storage, onSignedOut: (reason) => reason === "admin" });
  try {
    return (await client.login({ username: "ada", password: "secret" })).username;
  } catch (error) {
    if (error instanceof TokensmithError && error.code === "bad_credentials") return String(error.retryAfter);
    if (error instanceof TokensmithError && error.challenge && error.methods?.includes("a later one")) {
      return (await client.continue({ challenge: error.challenge, assertion: { id: "key" } })).username;
    }
    // @ts-expect-error There is no such code.
    if (error instanceof TokensmithError && error.code === "bad_credential") return "";
    throw error;
  }
}

export async function addPasskey(storage: TokenStorage): Promise<NewPasskey | null> {
  const client = createClient({ baseUrl: "https://id.example.com", storage });
  await client.login({ assertion: { id: "key" }, label: "laptop" });
  await client.reauthenticate({ assertion: { id: "key" } });
  // @ts-expect-error A username needs a password.
  await client.login({ username: "ada" });
  // @ts-expect-error This is the package's own.
  void client.service;
  try {
    return isSupported() ? await register(client, { name: "laptop" }) : await upgrade(client);
  } catch (error) {
    if (error instanceof PasskeyError && error.code === "already_registered") return null;
    // @ts-expect-error There is no such code.
    if (error instanceof PasskeyError && error.code === "bad_credentials") return null;
    throw error;
  }
}

export const code: ErrorCode = "session_ended";
