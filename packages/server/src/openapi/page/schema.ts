import type { Schema } from '../types.ts'
import type { Html } from './html.ts'
import { html, inline } from './html.ts'

const refPrefix = '#/components/schemas/'

/** What kind of value it is, in a few words. */
function kind(schema: Schema): Html {
  if (schema.$ref) {
    const name = schema.$ref.slice(refPrefix.length)
    return html`<a href="#schema-${name}">${name}</a>`
  }
  if (schema.enum) return html`${schema.enum.map((word, i) => [i > 0 ? ' or ' : '', html`<code>${JSON.stringify(word)}</code>`])}`
  if (schema.anyOf) return html`${schema.anyOf.map((option, i) => [i > 0 ? ' or ' : '', kind(option)])}`
  if (schema.type === 'array') return html`list of ${kind(schema.items ?? {})}`
  if (schema.format === 'binary') return html`bytes`
  return html`${schema.type === undefined ? 'anything' : [schema.type, schema.format ? ` (${schema.format})` : '']}`
}

/** The object inside, whose fields are to be shown below. */
function inner(schema: Schema): Schema | undefined {
  if (schema.properties || schema.additionalProperties) return schema
  if (schema.items) return inner(schema.items)
  return schema.anyOf?.map(inner).find((option) => option !== undefined)
}

function field(name: string, schema: Schema, required: boolean): Html {
  return html`<li><code class="name">${name}</code> <span class="kind">${kind(schema)}${required ? '' : ', optional'}</span>${
    schema.description ? html` <span class="note">${inline(schema.description)}</span>` : ''
  }${fields(schema)}</li>`
}

/** The fields of an object, and of what is in them. Nothing for other values. */
export function fields(schema: Schema): Html {
  const object = inner(schema)
  if (object === undefined) return html``
  const named = Object.entries(object.properties ?? {}).map(([name, of]) =>
    field(name, of, object.required?.includes(name) ?? false),
  )
  // `false` says that there are no others.
  const others = object.additionalProperties ? field('any name', object.additionalProperties, true) : ''
  return html`<ul class="fields">${named}${others}</ul>`
}

/** A value of this schema: its kind, its description, its fields. */
export function value(schema: Schema): Html {
  const note = schema.description ? html` <span class="note">${inline(schema.description)}</span>` : ''
  // Of an object that is spelled out here, "object" says nothing more.
  const isShown = schema.type === 'object' && inner(schema) !== undefined
  return html`${isShown ? '' : html`<span class="kind">${kind(schema)}</span>`}${note}${fields(schema)}`
}
