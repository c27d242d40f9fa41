/** What a mail says: a heading, paragraphs, one thing to press, and what to know about it. Plain text throughout. */
export interface Letter {
  heading: string
  paragraphs: readonly string[]
  button: { label: string; url: string }
  /** In small print below the button. */
  notes: readonly string[]
  /** Who sends it: the address of the server. */
  sender: string
}

const ink = '#1d1b16'
const paper = '#f6f3ec'
const faint = '#6b665b'
const accent = '#2f5d50'
const font = "font-family:-apple-system,'Segoe UI',Roboto,Helvetica,Arial,sans-serif"

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`)
}

/** The letter for readers that show text only. */
export function letterText({ heading, paragraphs, button, notes, sender }: Letter): string {
  return [heading, ...paragraphs, `${button.label}:\n${button.url}`, ...notes, `-- \n${sender}`].join('\n\n')
}

/** The letter as HTML: tables and inline styles, which is what mail readers understand; no image, no font, nothing fetched. */
export function letterHtml({ heading, paragraphs, button, notes, sender }: Letter): string {
  const p = (text: string) => `<p style="margin:0 0 16px;font-size:16px;line-height:1.5;color:${ink}">${escapeHtml(text)}</p>`
  const small = (text: string) =>
    `<p style="margin:0 0 8px;font-size:13px;line-height:1.5;color:${faint}">${escapeHtml(text)}</p>`
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><meta name="color-scheme" content="light">
<title>${escapeHtml(heading)}</title></head>
<body style="margin:0;padding:0;background:${paper};${font}">
<table role="presentation" width="100%" cellpadding="0" cellspacing="0" style="background:${paper}"><tr><td align="center" style="padding:32px 16px">
<table role="presentation" width="100%" cellpadding="0" cellspacing="0" style="max-width:480px;background:#ffffff;border:1px solid #e2dccd;border-radius:12px">
<tr><td style="padding:32px">
<h1 style="margin:0 0 16px;font-size:22px;line-height:1.3;color:${ink}">${escapeHtml(heading)}</h1>
${paragraphs.map(p).join('\n')}
<table role="presentation" cellpadding="0" cellspacing="0" style="margin:24px 0"><tr><td style="border-radius:8px;background:${accent}">
<a href="${escapeHtml(button.url)}" style="display:inline-block;padding:12px 24px;font-size:16px;font-weight:600;color:#ffffff;text-decoration:none">${escapeHtml(button.label)}</a>
</td></tr></table>
${notes.map(small).join('\n')}
<p style="margin:16px 0 0;font-size:13px;line-height:1.5;color:${faint}">If the button does not work, open this address:<br>
<a href="${escapeHtml(button.url)}" style="color:${accent};word-break:break-all">${escapeHtml(button.url)}</a></p>
</td></tr></table>
<p style="margin:16px 0 0;font-size:12px;color:${faint}">${escapeHtml(sender)}</p>
</td></tr></table>
</body></html>
`
}
