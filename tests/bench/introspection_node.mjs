// introspection_node.mjs - how long the dominators of a .heapsnapshot take others, in one process each:
//
//   node introspection_node.mjs toolkit|memlab FOLDER FILE    one line of JSON: CPU milliseconds of each round, the sum of what
//                                                             all nodes retain
//
// FOLDER has the node_modules. Only the function that finds dominators and retained sizes is timed, not the reading.
import fs from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'
import { Readable } from 'node:stream'
import { pathToFileURL } from 'node:url'

const [program, folder, file] = process.argv.slice(2)
const modules = path.resolve(folder, 'node_modules')
const rounds = 3
const ms = []

// The method of an object's class, wherever it is defined, made to run so often and to note what it took.
function time (holder, name) {
  while (!Object.hasOwn(holder, name)) holder = Object.getPrototypeOf(holder)
  const method = holder[name]
  holder[name] = function (...args) {
    let said
    const round = () => {
      const began = process.cpuUsage()
      said = method.apply(this, args)
      const ended = () => { const took = process.cpuUsage(began); ms.push((took.user + took.system) / 1000); return said }
      return said instanceof Promise ? said.then(ended) : ended()
    }
    const rest = n => n === 0 ? said : (s => s instanceof Promise ? s.then(() => rest(n - 1)) : rest(n - 1))(round())
    return rest(rounds)
  }
}

async function toolkit () {
  const { parse } = await import(pathToFileURL(path.join(modules, 'heap-snapshot-toolkit/index.js')))
  const small = '{"snapshot":{"meta":{"node_fields":["type","name","id","self_size","edge_count"],"node_types":[["synthetic"],' +
    '"string","number","number","number"],"edge_fields":["type","name_or_index","to_node"],"edge_types":[["element","weak"],' +
    '"string_or_number","node"]},"node_count":1,"edge_count":0},"nodes":[0,0,1,0,0],"edges":[],"strings":[""]}'
  time((await parse(Readable.from([small]))).constructor, 'calculateDominatorsAndRetainedSizes')
  const snapshot = await parse(fs.createReadStream(file, 'utf-8'))
  return snapshot.retainedSizes.reduce((sum, size) => sum + size, 0)
}

async function memlab () {
  const require = createRequire(path.join(modules, 'x.js'))
  const finder = require(path.join(modules, '@memlab/core/dist/paths/TraceFinder.js')).default
  const say = process.stdout.write
  time(finder.prototype, 'computeDominatorsAndRetainedSizes')
  process.stdout.write = () => true // it tells of its progress
  const heap = await require('@memlab/heap-analysis').getFullHeapFromFile(file)
  process.stdout.write = say
  let sum = 0
  heap.nodes.forEach(node => { sum += node.retainedSize })
  return sum
}

const sum = await { toolkit, memlab }[program]()
console.log(JSON.stringify({ ms, retained_sum: sum }))
