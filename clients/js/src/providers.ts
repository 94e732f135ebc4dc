// Sign-in at a provider, as Google or GitHub: the browser leaves the page and comes back signed in.

export interface SigningInWith {
  /** The URL of the service, as in `https://id.example.com`. */
  baseUrl: string;
  /** Where to come back to: a path of the service's host. By default the page that is shown now. */
  returnTo?: string;
}

/** The page that leads to a provider, for a link. */
export function providerUrl(provider: string, { baseUrl, returnTo }: SigningInWith): string {
  const back = returnTo ?? location.pathname + location.search + location.hash;
  return `${baseUrl.replace(/\/$/, "")}/login/${encodeURIComponent(provider)}?return_to=${encodeURIComponent(back)}`;
}

/** Leaves the page for a provider. The service has set the cookies of the session when the browser is back, so a client with
 * `storage: "cookies"` finds the user by `restore`. */
export function signInWith(provider: string, how: SigningInWith): void {
  location.assign(providerUrl(provider, how));
}
