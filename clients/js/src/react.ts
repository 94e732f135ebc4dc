// A hook for React.

import { useEffect, useSyncExternalStore } from "react";
import type { Client, State } from "./index.js";

/** Who is signed in, and the component is rendered again when that changes. The session is restored if that was not done
 * before; until then the status is `unknown`. */
export function useSession(client: Client): State {
  const state = () => client.state;
  useEffect(() => {
    // Without a network the status stays unknown; call `client.restore()` to try again.
    client.restore().catch(() => {});
  }, [client]);
  return useSyncExternalStore(client.subscribe, state, state);
}
