import { createHash } from 'node:crypto'
import type { OpenApiDocument, Schema } from '../types.ts'
import type { Html } from './html.ts'
import { html, inline, prose } from './html.ts'
import type { PlacedOperation } from './operation.ts'
import { operationSection } from './operation.ts'
import { fields } from './schema.ts'
import { style } from './style.ts'

/** Nothing but the page's own style: no script, no other address, not even an image. */
export const pagePolicy = [
  "default-src 'none'",
  `style-src 'sha256-${createHash('sha256').update(style).digest('base64')}'`,
  'img-src data:',
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ')

function operationsOf(document: OpenApiDocument, tag: string): PlacedOperation[] {
  return Object.entries(document.paths)
    .flatMap(([path, item]) => Object.entries(item).map(([method, operation]) => ({ path, method, operation })))
    .filter(({ operation }) => operation.tags.includes(tag))
}

function navigation(document: OpenApiDocument): Html {
  const groups = document.tags.map(({ name }) => {
    const links = operationsOf(document, name).map(
      ({ operation }) => html`<li><a href="#${operation.operationId}">${operation.summary}</a></li>`,
    )
    return html`<div><strong>${name}</strong><ul>${links}</ul></div>`
  })
  return html`<nav aria-label="Contents"><details><summary>Contents</summary>
<div><strong>Start</strong><ul><li><a href="#content">About this API</a></li><li><a href="#signing-in">Signing in</a></li></ul></div>
${groups}
<div><strong>More</strong><ul><li><a href="#schemas">Schemas</a></li><li><a href="openapi.json">openapi.json</a></li></ul></div></details></nav>`
}

function schemaSection([name, schema]: [string, Schema]): Html {
  return html`<article id="schema-${name}"><h3>${name}</h3>${fields(schema)}</article>`
}

function securitySection(document: OpenApiDocument): Html {
  const { apiKey, ucan, agentDid, metaplex, spid } = document.components.securitySchemes
  const lines = [
    ['API key', apiKey?.description],
    ['UCAN', `${ucan?.description} With it goes the header \`x-agent-did\`. ${agentDid?.description}`],
    ['Storage providers', spid?.description],
    ['Metaplex', `The header \`x-web3auth\`: ${metaplex?.description}`],
  ] as const
  return html`<section id="signing-in"><h2>Signing in</h2><dl>${lines.map(([name, text]) => html`<dt><strong>${name}</strong></dt><dd>${inline(text ?? '')}</dd>`)}</dl></section>`
}

/** The description of the API as a page to read: no script, complete by itself. */
export function docsPage(document: OpenApiDocument): string {
  const groups = document.tags.map(
    ({ name, description }) => html`<section><h2>${name.charAt(0).toUpperCase()}${name.slice(1)}</h2><p>${inline(description)}</p>
${operationsOf(document, name).map((placed) => operationSection(document, placed))}</section>`,
  )
  const { title, version, description } = document.info
  const head = html`<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title} API</title><link rel="icon" href="data:,"><style>${{ markup: style }}</style>`
  return html`<!doctype html>
<html lang="en"><head>${head}</head><body><a class="skip" href="#content">Skip to the content</a><div class="layout">
<header><h1>${title} API</h1><p>Version ${version} at <code>${document.servers[0]?.url}</code></p></header>
${navigation(document)}
<main id="content">${prose(description)}
${securitySection(document)}
${groups}
<section id="schemas"><h2>Schemas</h2>${Object.entries(document.components.schemas).map(schemaSection)}</section>
<footer>Made from <a href="openapi.json">openapi.json</a>, OpenAPI ${document.openapi}.</footer></main></div></body></html>
`.markup
}
