/** The whole style of the page. It stands in the page itself, allowed by its hash. */
export const style = `
:root { color-scheme: light dark; --ink: #1c2024; --soft: #5b6670; --line: #d8dee4; --paper: #ffffff; --panel: #f5f7f9; --link: #0b57c2;
  --get: #0b6b3a; --post: #0b57c2; --patch: #8a5300; --delete: #b3261e; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e9ec; --soft: #a3adb7; --line: #343b43; --paper: #14171a; --panel: #1d2227;
  --link: #8ab8ff; --get: #6fd39b; --post: #8ab8ff; --patch: #f0b866; --delete: #ff9d94; } }
* { box-sizing: border-box; }
html { scroll-padding-top: 1rem; }
body { margin: 0; color: var(--ink); background: var(--paper); font: 1rem/1.55 system-ui, sans-serif; }
a { color: var(--link); }
h1, h2, h3, h4, p, dl, ul, pre { margin: 0 0 .75rem; }
h1 { font-size: 1.9rem; line-height: 1.2; }
h2 { font-size: 1.45rem; margin-top: 3rem; padding-bottom: .3rem; border-bottom: 2px solid var(--line); }
h3 { font-size: 1.15rem; }
h3 a { color: inherit; text-decoration: none; }
h3 a:hover { text-decoration: underline; }
h4 { font-size: .8rem; text-transform: uppercase; letter-spacing: .05em; color: var(--soft); margin: 1.25rem 0 .4rem; }
code, pre { font-family: ui-monospace, "Cascadia Mono", Menlo, Consolas, monospace; font-size: .9em; }
p code, li code, td code, dt code { background: var(--panel); padding: .1em .3em; border-radius: 4px; overflow-wrap: anywhere; }
pre { background: var(--panel); border: 1px solid var(--line); border-radius: 8px; padding: .75rem 1rem; overflow-x: auto; }
.skip { position: absolute; left: -100vw; }
.skip:focus { left: 1rem; top: 1rem; background: var(--paper); padding: .5rem; z-index: 1; }
:focus-visible { outline: 2px solid var(--link); outline-offset: 2px; }
.layout { max-width: 76rem; margin: 0 auto; padding: 1.5rem 1rem 4rem; }
nav ul { list-style: none; padding: 0; margin: 0 0 .75rem; }
nav li a { display: block; padding: .2rem 0; text-decoration: none; }
nav li a:hover { text-decoration: underline; }
nav strong { font-size: .8rem; text-transform: uppercase; letter-spacing: .05em; color: var(--soft); }
article { padding: 1.5rem 0; border-bottom: 1px solid var(--line); }
article:target { box-shadow: -4px 0 0 var(--link); padding-left: 1rem; }
.route { overflow-wrap: anywhere; }
.method { font-weight: 700; font-size: .85rem; }
.get { color: var(--get); } .post { color: var(--post); } .patch { color: var(--patch); } .delete { color: var(--delete); }
.kind, .note { color: var(--soft); }
.note::before { content: "— "; }
.fields { list-style: none; padding-left: 1rem; border-left: 2px solid var(--line); margin: .25rem 0 .5rem; }
.kinds { padding-left: 1.2rem; }
th { width: 1%; white-space: nowrap; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; vertical-align: top; padding: .35rem .75rem .35rem 0; border-top: 1px solid var(--line); font-weight: 400; }
dd { margin: .25rem 0 .75rem; }
summary { cursor: pointer; color: var(--link); width: max-content; padding: .2rem 0; }
footer { margin-top: 3rem; color: var(--soft); }
nav details { border: 1px solid var(--line); border-radius: 8px; padding: .4rem 1rem; margin-bottom: 1.5rem; }
nav details[open] { padding-bottom: .75rem; }
nav details > div { margin-top: .5rem; }
@media (min-width: 30rem) and (max-width: 63.99rem) { nav details[open] { columns: 2; column-gap: 2rem; } nav div { break-inside: avoid; } nav summary { column-span: all; } }
@media (min-width: 64rem) {
  .layout { display: grid; grid-template-columns: 15rem minmax(0, 1fr); column-gap: 3rem; padding-top: 2.5rem; }
  header { grid-column: 2; }
  main { grid-column: 2; grid-row: 2; }
  nav { grid-column: 1; grid-row: 1 / span 2; position: sticky; top: 1.5rem; max-height: calc(100vh - 3rem); overflow-y: auto; align-self: start; font-size: .92rem; }
  nav details, nav details[open] { border: 0; padding: 0; }
  @supports selector(::details-content) {
    nav details::details-content { content-visibility: visible; }
    nav summary { display: none; }
  }
}
`
