import { CopyButton } from './copy-button.tsx'

/** Code to be copied. `secret` stands in what is copied, and is not shown. */
export function CodeBlock({ code, label, secret }: { code: string; label: string; secret?: string | undefined }) {
  const shown = secret ? code.replaceAll(secret, `${secret.slice(0, 6)}…${secret.slice(-4)}`) : code
  return (
    <div className="code-block">
      {/* biome-ignore-start lint/a11y: it may be wider than the screen, so keys have to reach and scroll it */}
      <pre tabIndex={0} role="region" aria-label={label}>
        <code>{shown}</code>
      </pre>
      {/* biome-ignore-end lint/a11y: see above */}
      <CopyButton text={code} label={`Copy: ${label}`} />
    </div>
  )
}
