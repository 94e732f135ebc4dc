import assert from "node:assert/strict";
import { test } from "node:test";
import { register, secondStep } from "../dist/passkeys.js";

test("a browser that returns no passkey has cancelled", async () => {
  globalThis.PublicKeyCredential = class {};
  const credentials = { get: async () => null, create: async () => null };
  Object.defineProperty(globalThis, "navigator", { value: { credentials }, configurable: true });
  const publicKey = { challenge: "AA", user: { id: "AA" }, allowCredentials: [], excludeCredentials: [] };
  const client = {
    service: { base: "https://id.example.com", post: async () => ({ publicKey }) },
    fetch: async () => Response.json({ publicKey }),
  };
  await assert.rejects(secondStep(client, "challenge"), { name: "PasskeyError", code: "cancelled" });
  await assert.rejects(register(client), { name: "PasskeyError", code: "cancelled" });
});
