// oracle.mjs - what others find in a .heapsnapshot: node oracle.mjs toolkit|memlab NODE_MODULES FILE
//
// A line a node, in the order of the file: its id, the id of its immediate dominator (of the root, its own), and what it retains.
import fs from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'
import { pathToFileURL } from 'node:url'

const [program, modules, file] = process.argv.slice(2)

async function toolkit () {
  const { parse } = await import(pathToFileURL(path.resolve(modules, 'heap-snapshot-toolkit/index.js')))
  const s = await parse(fs.createReadStream(file, 'utf-8'))
  const raw = JSON.parse(fs.readFileSync(file, 'utf-8'))
  const width = raw.snapshot.meta.node_fields.length
  const id = ordinal => raw.nodes[ordinal * width + 2]
  return Array.from(s.retainedSizes, (size, i) => [id(i), id(s.dominatorsTree[i]), size])
}

async function memlab () {
  const require = createRequire(path.resolve(modules, 'x.js'))
  const write = process.stdout.write
  process.stdout.write = () => true // it tells of its progress
  const heap = await require('@memlab/heap-analysis').getFullHeapFromFile(file)
  process.stdout.write = write
  const lines = []
  heap.nodes.forEach(n => { lines.push([n.id, (n.dominatorNode ?? n).id, n.retainedSize]) })
  return lines
}

const lines = await { toolkit, memlab }[program]()
process.stdout.write(lines.map(line => line.join(' ') + '\n').join(''))
