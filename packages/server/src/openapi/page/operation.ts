import type { ApiResponse, OpenApiDocument, Operation, Parameter } from '../types.ts'
import { curlExamples } from './curl.ts'
import type { Html } from './html.ts'
import { html, inline, prose } from './html.ts'
import { value } from './schema.ts'

export interface PlacedOperation {
  path: string
  method: string
  operation: Operation
}

const jsonType = 'application/json'

function parameter({ name, in: place, required, description, schema }: Parameter): Html {
  const kind = `${place}, ${schema.type ?? 'string'}${required ? '' : ', optional'}`
  const note = description ? html` <span class="note">${inline(description)}</span>` : ''
  return html`<li><code class="name">${name}</code> <span class="kind">${kind}</span>${note}</li>`
}

function parameters({ parameters = [] }: Operation): Html {
  return parameters.length === 0 ? html`` : html`<h4>Parameters</h4><ul class="fields">${parameters.map(parameter)}</ul>`
}

function body({ requestBody }: Operation): Html {
  if (!requestBody) return html``
  const kinds = Object.entries(requestBody.content).map(
    ([mediaType, { schema }]) =>
      html`<li><code>${mediaType === '*/*' ? 'any other media type' : mediaType}</code>: ${value(schema)}</li>`,
  )
  return html`<h4>Body</h4><ul class="kinds">${kinds}</ul>`
}

function headers({ headers = {} }: ApiResponse): Html[] {
  return Object.entries(headers).map(
    ([name, { description, schema }]) =>
      html`<li>header <code>${name}</code> <span class="kind">${schema.type}</span>${description ? html` <span class="note">${inline(description)}</span>` : ''}</li>`,
  )
}

const isFailure = ({ content }: ApiResponse) => content?.[jsonType]?.schema.$ref === '#/components/schemas/Failure'

function answer([status, response]: [string, ApiResponse]): Html {
  const shown = headers(response)
  const bodies = Object.entries(response.content ?? {}).map(
    ([mediaType, { schema }]) =>
      html`<div>${mediaType === jsonType ? '' : html`<code>${mediaType}</code> `}${value(schema)}</div>`,
  )
  return html`<dt><code>${status}</code> ${response.description}</dt><dd>${bodies}${shown.length > 0 ? html`<ul class="fields">${shown}</ul>` : ''}</dd>`
}

function failures(responses: [string, ApiResponse][]): Html {
  if (responses.length === 0) return html``
  const rows = responses.map(
    ([status, { description }]) =>
      html`<tr><th scope="row"><code>${status}</code></th><td>${inline(description.replace(/^Error code /, '').replace(/\.$/, ''))}</td></tr>`,
  )
  return html`<details><summary>Errors</summary><table class="errors">${rows}</table></details>`
}

/** One operation, whole: what it is for, what goes in, what comes out, how it fails, and a command line to try. */
export function operationSection(document: OpenApiDocument, { path, method, operation }: PlacedOperation): Html {
  const responses = Object.entries(operation.responses)
  const examples = curlExamples(document, path, method, operation).map(
    (line) => html`<pre tabindex="0" role="region" aria-label="Example"><code>${line}</code></pre>`,
  )
  return html`<article id="${operation.operationId}">
<h3><a href="#${operation.operationId}">${operation.summary}</a></h3>
<p class="route"><span class="method ${method}">${method.toUpperCase()}</span> <code>${path}</code></p>
${prose(operation.description)}
${parameters(operation)}${body(operation)}
<h4>Answer</h4><dl>${responses.filter(([, response]) => !isFailure(response)).map(answer)}</dl>
${failures(responses.filter(([, response]) => isFailure(response)))}
<h4>Example</h4>${examples}
</article>`
}
