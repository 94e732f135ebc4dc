// Signs users in with tokensmith, and keeps them signed in.

import { Client, type Options } from "./client.js";
import { thisPlatform } from "./platform.js";

export type { components } from "./api.js";
export type { Client, Login, Options, State, Step, User } from "./client.js";
export { TokensmithError } from "./error.js";
export type { EndReason, ErrorCode, SignedOutReason } from "./error.js";
export type { TokenStorage } from "./storage.js";

/** A client of the service at `baseUrl`. Make one for each app. */
export function createClient(options: Options): Client {
  return new Client(options, thisPlatform());
}
