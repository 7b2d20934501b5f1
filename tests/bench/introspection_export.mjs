// introspection_export.mjs - a graph in Node, and how long V8 takes to write a snapshot of it:
//
//   node introspection_export.mjs OBJECTS FILE    for every line on stdin a line of JSON; the end of stdin is the end
//
// `whole_ms` is v8.writeHeapSnapshot(), from the call until the file is there; `take_ms` is v8.getHeapSnapshot() until there is
// something to read, and `write_ms` the reading of it. An object has four links to any others.
import { createInterface } from 'node:readline'
import v8 from 'node:v8'

class Node {
  constructor (n) { this.a = this.b = this.c = this.d = null; this.n = n }
}

const [objects, file] = [Number(process.argv[2]), process.argv[3]]
let state = 4327
const below = n => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) % n
const all = Array.from({ length: objects }, (_, n) => new Node(n))
for (const node of all) for (const name of 'abcd') node[name] = all[below(objects)]

async function streamed () {
  const began = performance.now()
  const stream = v8.getHeapSnapshot()
  const taken = performance.now()
  let bytes = 0
  for await (const piece of stream) bytes += piece.length
  return { take_ms: taken - began, write_ms: performance.now() - taken, bytes }
}

console.log('{}')
for await (const _ of createInterface({ input: process.stdin })) {
  const said = await streamed()
  const began = performance.now()
  v8.writeHeapSnapshot(file)
  console.log(JSON.stringify({ ...said, whole_ms: performance.now() - began, kept: all.length }))
}
