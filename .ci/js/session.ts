// The client that the book's component in React uses.
import { createClient } from "tokensmith";

export const session = createClient({ baseUrl: process.env.BASE_URL ?? "http://127.0.0.1:8080", storage: "memory" });
