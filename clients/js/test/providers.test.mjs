import assert from "node:assert/strict";
import { test } from "node:test";
import { providerUrl, signInWith } from "../dist/providers.js";

test("a browser leaves for the provider, and comes back to the page that it was on", () => {
  const left = [];
  globalThis.location = { pathname: "/notes", search: "?a=1&b=2", hash: "#c", assign: (url) => left.push(url) };
  signInWith("google", { baseUrl: "https://id.example.com/" });
  assert.deepEqual(left, ["https://id.example.com/login/google?return_to=%2Fnotes%3Fa%3D1%26b%3D2%23c"]);
  const url = providerUrl("a/b", { baseUrl: "https://id.example.com/auth", returnTo: "/" });
  assert.equal(url, "https://id.example.com/auth/login/a%2Fb?return_to=%2F");
});
