// A service in Express that tokensmith protects; `examples/express/run` starts it.
import express from "express";
import { createVerifier } from "tokensmith/verify";

// AUDIENCE is not set at the issuer, so the audience is the issuer itself.
const issuer = process.env.ISSUER ?? "http://127.0.0.1:8080";
const verifier = createVerifier({ issuer, audience: issuer });
const { requireToken } = verifier;

const app = express();

// Any user.
app.get("/notes", requireToken(), (request, response) => response.json({ owner: request.claims.sub }));

// Users with the role `admin`.
app.get("/admin", requireToken({ role: "admin" }), (request, response) => response.json({ hello: "administrator" }));

// For monitoring: the age of the local copy of the denylist, in seconds.
app.get("/healthz", (request, response) => response.json({ denylist_age: verifier.staleness ?? null }));

const port = Number(process.env.PORT ?? 8093);
app.listen(port, "127.0.0.1", () => console.log(`Notes at http://127.0.0.1:${port}/notes`));
