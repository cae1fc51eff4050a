// A server that speaks HTTP/2 (and 1.1) over TLS: node http2.js CERTIFICATE_BASE
//
// Prints its port. Answers with the version of HTTP and how many sessions there were.
const fs = require("fs");
const http2 = require("http2");

const base = process.argv[2];
let sessions = 0;
const server = http2.createSecureServer({
  key: fs.readFileSync(base + ".key"),
  cert: fs.readFileSync(base + ".pem"),
  allowHTTP1: true,
});
server.on("session", () => sessions++);
server.on("request", (request, response) => {
  response.end(request.httpVersion + " " + sessions);
});
server.listen(0, "127.0.0.1", () => console.log(server.address().port));
