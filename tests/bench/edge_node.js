// edge_node.js - an in-memory object server as one writes it in Node: a Map, JSON in, JSON out. Prints its port.
'use strict';
const http = require('http');
const objects = new Map();
let last = 0;

function answer(res, status, document, headers) {
  const body = JSON.stringify(document);
  res.writeHead(status, {'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(body), ...headers});
  res.end(body);
}

function create(res, text) {
  const {class: name, fields} = JSON.parse(text);
  const document = {id: ++last, class: name, fields};
  objects.set(last, document);
  answer(res, 201, document, {Location: `/v1/objects/${last}`});
}

function get(res, url) {
  const document = objects.get(Number(url.slice('/v1/objects/'.length)));
  answer(res, document ? 200 : 404, document || {status: 404});
}

const server = http.createServer((req, res) => {
  if (req.method === 'GET') return get(res, req.url);
  const parts = [];
  req.on('data', (part) => parts.push(part));
  req.on('end', () => create(res, Buffer.concat(parts).toString()));
});
server.keepAliveTimeout = 0;
server.listen(0, '127.0.0.1', () => console.log(server.address().port));
