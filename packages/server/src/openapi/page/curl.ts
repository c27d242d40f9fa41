import type { OpenApiDocument, Operation, Parameter, Schema } from '../types.ts'

/** An example value of a schema: what it names as one, else the simplest there is. */
function exampleOf(schema: Schema): unknown {
  if (schema.examples?.length) return schema.examples[0]
  if (schema.enum) return schema.enum[0]
  if (schema.anyOf?.[0]) return exampleOf(schema.anyOf[0])
  if (schema.type === 'object') {
    const entries = Object.entries(schema.properties ?? {}).filter(([name]) => schema.required?.includes(name))
    return Object.fromEntries(entries.map(([name, of]) => [name, exampleOf(of)]))
  }
  if (schema.type === 'array') return [exampleOf(schema.items ?? {})]
  if (schema.type === 'integer' || schema.type === 'number') return 1
  return 'text'
}

const quoted = (text: string) => `'${text.replaceAll("'", "'\\''")}'`

function formArguments(schema: Schema): string[] {
  return Object.entries(schema.properties ?? {}).flatMap(([name, of]) => {
    if (of.type === 'array') return [`-F ${name}=@art.png`, `-F ${name}=@notes.txt`]
    return of.format === 'binary' ? [`-F ${name}=@art.png`] : [`-F ${quoted(`${name}=${exampleOf(of)}`)}`]
  })
}

function bodyArguments(mediaType: string, schema: Schema): string[] {
  if (mediaType === 'multipart/form-data') return formArguments(schema)
  if (mediaType === 'application/json')
    return [`-H 'Content-Type: ${mediaType}'`, `-d ${quoted(JSON.stringify(exampleOf(schema)))}`]
  if (mediaType === '*/*') return ["-H 'Content-Type: image/png'", '--data-binary @art.png']
  return [`-H 'Content-Type: ${mediaType}'`, '--data-binary @art.car']
}

function pathOf(path: string, parameters: readonly Parameter[] = []): string {
  return path.replace(/\{(\w+)\}/g, (_whole, name) => {
    const parameter = parameters.find((p) => p.in === 'path' && p.name === name)
    return String(parameter?.example ?? name.toUpperCase())
  })
}

/** Command lines that call an operation of this server, one for each kind of body. */
export function curlExamples(document: OpenApiDocument, path: string, method: string, operation: Operation): string[] {
  const schemes = Object.keys(operation.security?.[0] ?? {})
  const key = schemes.includes('apiKey') ? ['-H "Authorization: Bearer $KEY"'] : []
  const metaplex = schemes.includes('metaplex') ? ['-H "x-web3auth: Metaplex $JWT"'] : []
  const spid = schemes.includes('spid') ? ['-H "Authorization: $SPID"'] : []
  const session = schemes.includes('session') && key.length === 0 ? ['-b "keepsake-session=$SESSION"'] : []
  // What pages of the website send with a call that changes something.
  const isForPages = path.startsWith('/account') && method !== 'get'
  const page = isForPages ? [`-H 'Origin: ${document.servers[0]?.url}'`, "-H 'X-Keepsake-CSRF: 1'"] : []
  const address = `${document.servers[0]?.url}${pathOf(path, operation.parameters)}`
  // One of the two names of a CAR is enough.
  const bodies = Object.entries(operation.requestBody?.content ?? {}).filter(([mediaType]) => mediaType !== 'application/car')
  const implied = method === 'get' || (method === 'post' && bodies.length > 0)
  const verb = implied ? [] : [`-X ${method.toUpperCase()}`]
  const line = (body: string[]) =>
    ['curl', ...verb, ...key, ...metaplex, ...spid, ...session, ...page, ...body, quotedAddress(address)]
      .join(' \\\n  ')
      .replace('curl \\\n  ', 'curl ')
  const named = (schema: Schema) => document.components.schemas[schema.$ref?.split('/').at(-1) ?? ''] ?? schema
  return bodies.length === 0 ? [line([])] : bodies.map(([mediaType, { schema }]) => line(bodyArguments(mediaType, named(schema))))
}

/** Quoted only where the shell would read something into it. */
function quotedAddress(address: string): string {
  return /^[\w:/.-]+$/.test(address) ? address : quoted(address)
}
