/** Markup that is safe to send: everything variable in it was escaped when it was made. */
export interface Html {
  readonly markup: string
}

type Value = Html | string | number | undefined | readonly Value[]

const entities: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' }

function markupOf(value: Value): string {
  if (value === undefined) return ''
  if (typeof value === 'string' || typeof value === 'number')
    return String(value).replace(/[&<>"']/g, (character) => entities[character] as string)
  return 'markup' in value ? value.markup : value.map(markupOf).join('')
}

/** A template whose values are escaped unless they are markup themselves; lists are joined, undefined is nothing. */
export function html(texts: TemplateStringsArray, ...values: Value[]): Html {
  return { markup: String.raw({ raw: texts }, ...values.map(markupOf)) }
}

/** Text with `code` in backticks. */
export function inline(text: string): Html {
  return {
    markup: text
      .split('`')
      .map((part, i) => markupOf(i % 2 ? html`<code>${part}</code>` : part))
      .join(''),
  }
}

/** Paragraphs, divided by empty lines. */
export function prose(text: string | undefined): Html[] {
  return (text ?? '')
    .split('\n\n')
    .filter(Boolean)
    .map((paragraph) => html`<p>${inline(paragraph)}</p>`)
}
