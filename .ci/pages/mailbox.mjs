// The mails of the service, in a folder.
import { execFileSync } from "node:child_process";
import { readdirSync } from "node:fs";

const { MAILS: mails } = process.env;
const READ = `import email, email.policy, sys
mail = email.message_from_bytes(open(sys.argv[1], "rb").read(), policy=email.policy.default)
print(mail["to"], mail.get_body(("plain",)).get_content())`;
const read = new Set();

/** The link and the code of the next mail to this address that has a link; an invitation has no code. */
export async function next(address) {
  for (let i = 0; i < 1200; i += 1) {
    for (const name of readdirSync(mails).filter((name) => name.endsWith(".eml") && !read.has(name))) {
      const text = execFileSync("python3", ["-c", READ, `${mails}/${name}`], { encoding: "utf8" });
      if (!text.startsWith(`${address} `)) continue;
      read.add(name);
      const link = /^http\S+\/(?:password-reset|email-verification|registration|invitation)\/\S+$/m.exec(text);
      if (link) return { link: link[0], code: /: (\d[\d ]+\d)$/m.exec(text)?.[1] };
    }
    await new Promise((done) => setTimeout(done, 50));
  }
  throw new Error(`no mail to ${address}`);
}
