// echo.js - Node's HTTP server, at the Unix socket that it is given, saying what it understood: "METHOD TARGET BODY".
const server = require("http").createServer((request, response) => {
  const parts = [];
  request.on("data", (part) => parts.push(part));
  request.on("end", () => response.end(`${request.method} ${request.url} ${Buffer.concat(parts)}`));
});
server.on("checkContinue", (request, response) => {
  response.writeContinue();
  server.emit("request", request, response);
});
server.on("upgrade", (request, socket) => socket.end("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"));
server.listen(process.argv[2]);
