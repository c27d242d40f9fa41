import type { Document } from './document.ts'

const documents = import.meta.glob<Document>('../../../../docs/*.md', { import: 'default' })

/** A page of `docs/` by its name. @throws Error where there is none */
export async function loadDocument(name: string): Promise<Document> {
  const load = documents[`../../../../docs/${name}.md`]
  if (!load) throw new Error(`There is no document ${name}.`)
  return await load()
}
