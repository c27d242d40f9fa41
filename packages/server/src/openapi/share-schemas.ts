import type { OpenApiDocument } from './types.ts'

/** A choice between single words says the same as a list of them, and generators make better code of the list. */
function joinChoices(schema: Record<string, unknown>): Record<string, unknown> {
  const { anyOf, ...rest } = schema
  if (!Array.isArray(anyOf) || !anyOf.every((option) => option.type === 'string' && option.enum?.length === 1)) return schema
  return { type: 'string', enum: anyOf.map((option) => option.enum[0]), ...rest }
}

/**
 * Moves every schema with a title to `components/schemas` under that title and refers to it there, so that the document says each
 * thing once and what reads it has a name for it.
 *
 * @throws Error where two different schemas have one title
 */
export function shareSchemas(document: OpenApiDocument): OpenApiDocument {
  const shared = new Map<string, object>()
  const walk = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(walk)
    if (typeof value !== 'object' || value === null) return value
    const walked = joinChoices(Object.fromEntries(Object.entries(value).map(([key, of]) => [key, walk(of)])))
    const { title, description, ...thing } = walked
    if (typeof title !== 'string') return walked
    const known = shared.get(title)
    if (known !== undefined && JSON.stringify(known) !== JSON.stringify(thing))
      throw new Error(`Two schemas are called ${title}.`)
    shared.set(title, thing)
    // A description is of the place, not of the thing, and stays beside the reference.
    return { $ref: `#/components/schemas/${title}`, ...(description !== undefined && { description }) }
  }
  const paths = walk(document.paths) as OpenApiDocument['paths']
  const schemas = Object.fromEntries([...shared].sort(([a], [b]) => (a < b ? -1 : 1)))
  return { ...document, paths, components: { ...document.components, schemas } }
}
