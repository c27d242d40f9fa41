// Loaded before the public suite of the Pinning Service API. It keeps the suite from the network, and lets the test know what it pins:
// its specification is a file here, its report goes to a folder of this run, and the contents it makes up are numbered instead of random.
import { readFileSync } from 'node:fs'
import { registerHooks } from 'node:module'
import util from 'node:util'

const { SPECIFICATION, REPORT_FOLDER } = process.env

/** What is replaced in which file of the suite. */
const changes = [
  ['/utils/constants.js', /const specLocation = .*;/, `const specLocation = ${JSON.stringify(SPECIFICATION)};`],
  ['/utils/constants.js', /const docsDir = .*;/, `const docsDir = ${JSON.stringify(REPORT_FOLDER)};`],
  ['/utils/getInlineCid.js', 'process.hrtime().toString()', "'content ' + globalThis.pinned++"],
]
globalThis.pinned = 0
// A package below it is older than the Node.js that took these away.
Object.assign(util, {
  isArray: Array.isArray,
  isUndefined: (value) => value === undefined,
  isNumber: (value) => typeof value === 'number',
  isObject: (value) => typeof value === 'object' && value !== null,
  isFunction: (value) => typeof value === 'function',
})

registerHooks({
  load(url, context, nextLoad) {
    const own = changes.filter(([file]) => url.includes('pinning-service-compliance/dist') && url.endsWith(file))
    if (own.length === 0) return nextLoad(url, context)
    let source = readFileSync(new URL(url), 'utf8')
    for (const [file, from, to] of own) {
      const changed = source.replace(from, () => to)
      if (changed === source) throw new Error(`The suite is another one than expected: ${file} does not have ${from}.`)
      source = changed
    }
    return { format: 'module', source, shortCircuit: true }
  },
})
