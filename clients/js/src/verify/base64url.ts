// base64url without padding (RFC 7515 section 2, https://www.rfc-editor.org/rfc/rfc7515#section-2), in its one valid form.

import { base64url } from "jose";

/** The bytes of a text; `undefined` if no bytes are written like this. */
export function decode(text: string): Uint8Array<ArrayBuffer> | undefined {
  if (!/^[A-Za-z0-9_-]*$/.test(text)) return undefined;
  try {
    const bytes = new Uint8Array(base64url.decode(text));
    return base64url.encode(bytes) === text ? bytes : undefined;
  } catch {
    return undefined;
  }
}

export const encode = (bytes: Uint8Array): string => base64url.encode(bytes);
