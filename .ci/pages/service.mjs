// What the programs here ask of the service besides its pages: its commands, its database, and who is signed in.
import { execFileSync } from "node:child_process";

const { DATABASE: database, PASSWORD: password, TOKENSMITH: program } = process.env;
const ASK = `import json, sqlite3, sys
d = sqlite3.connect(sys.argv[1], timeout=30)
print(json.dumps(d.execute(sys.argv[2]).fetchall()))
d.commit()`;

/** Runs a command of the operator; returns what it prints. A password that it reads is the usual one. */
export const operate = (...command) =>
  execFileSync(program, command, { encoding: "utf8", ...(command.includes("--password-stdin") ? { input: password } : { stdio: ["ignore", "pipe", "inherit"] }) });

/** Runs a statement of SQL; returns its rows. */
export const sql = (statement) => JSON.parse(execFileSync("python3", ["-c", ASK, database, statement], { encoding: "utf8" }));

/** All logins were an hour before. */
export const EARLIER = "update sessions set created_at = created_at - 3600, authenticated_at = created_at - 3600";

/** What the access token in the cookie of a browser says. */
export async function claims(context) {
  const cookies = await context.cookies();
  const { value } = cookies.find(({ name }) => name.endsWith("ts_access"));
  return JSON.parse(Buffer.from(value.split(".")[1], "base64url"));
}
