/// <reference types="vite/client" />

declare module '*.md' {
  const document: import('./docs/document.ts').Document
  export default document
}
