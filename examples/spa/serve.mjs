// Serves the page, the package, and the service behind it: for the browser all of them are one origin, as behind the proxy of a
// real site. `examples/spa/run` starts it.
import { readFile } from "node:fs/promises";
import { createServer, request as forward } from "node:http";

const service = new URL(process.env.ISSUER ?? "http://127.0.0.1:8080");
const port = Number(process.env.PORT ?? 5173);

createServer(async (request, response) => {
  const [pathname] = request.url.split("?", 1);
  if (pathname.startsWith("/v1/")) {
    const { method, url: path, headers } = request;
    const sent = forward({ hostname: service.hostname, port: service.port, path, method, headers }, (answer) => {
      response.writeHead(answer.statusCode, answer.rawHeaders);
      answer.pipe(response);
    });
    sent.on("error", () => (response.headersSent ? response.destroy() : response.writeHead(502).end()));
    // The browser waits no longer.
    response.on("close", () => sent.destroy());
    request.pipe(sent);
    return;
  }
  const script = /^\/tokensmith\/(\w+\.js)$/.exec(pathname)?.[1];
  const file = script ? `../../clients/js/dist/${script}` : "index.html";
  const text = await readFile(new URL(file, import.meta.url)).catch(() => undefined);
  const type = script ? "text/javascript" : "text/html";
  if (text) response.writeHead(200, { "content-type": type }).end(text);
  else response.writeHead(404).end();
}).listen(port, "127.0.0.1", () => console.log(`The app is at http://127.0.0.1:${port}`));
