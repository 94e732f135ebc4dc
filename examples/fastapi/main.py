"""A service in FastAPI that tokensmith protects; `examples/fastapi/run` starts it."""

import os

from fastapi import FastAPI

from tokensmith.fastapi import OptionalToken, Token, requires, setup

app = FastAPI(title="Notes")
# AUDIENCE is not set at the issuer, so the audience is the issuer itself.
verifier = setup(app, os.environ.get("ISSUER", "http://127.0.0.1:8080"))


@app.get("/notes")
async def notes(token: Token) -> dict[str, str]:
    """Any user."""
    return {"owner": token.sub}


@app.get("/admin", dependencies=[requires(role="admin")])
async def admin() -> dict[str, str]:
    """Users with the role `admin`."""
    return {"hello": "administrator"}


@app.get("/")
async def home(token: OptionalToken) -> dict[str, str]:
    """Everyone; a user with a token is greeted by id."""
    return {"hello": token.sub if token else "stranger"}


@app.get("/healthz")
async def health() -> dict:
    """For monitoring: the age of the local copy of the denylist, in seconds."""
    return {"denylist_age": verifier.staleness()}
