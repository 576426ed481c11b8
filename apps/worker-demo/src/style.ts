// One stylesheet, served as it stands; system fonts, so nothing is fetched from elsewhere.

export const style = `
:root {
  color-scheme: light dark;
  --page: #f5f0e7;
  --card: #fffdf9;
  --ink: #2a221c;
  --soft: #675a4e;
  --line: #e2d7c6;
  --accent: #7a2a2c;
  --on-accent: #fff8f0;
  --brass: #b88a3a;
  --field: #fff;
  --field-line: #8c7c6a;
  --done: #e6efdf;
  --done-ink: #2c4a20;
  --refused: #f9e1dc;
  --refused-ink: #7a1f17;
  --well: #f3ecdf;
  --key: #8a3b12;
  --shadow: 0 1px 2px rgb(60 40 20 / .07), 0 8px 24px -12px rgb(60 40 20 / .18);
  --mono: ui-monospace, 'SF Mono', 'Cascadia Code', Menlo, Consolas, 'Liberation Mono', monospace;
  --serif: 'Iowan Old Style', 'Palatino Linotype', Palatino, 'URW Palladio L', Georgia, 'Liberation Serif', serif;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #191512;
    --card: #241e1a;
    --ink: #efe6d9;
    --soft: #b5a694;
    --line: #3b322b;
    --accent: #e3b15f;
    --on-accent: #231808;
    --brass: #c79a4a;
    --field: #1a1613;
    --field-line: #8d7d6b;
    --done: #25321d;
    --done-ink: #c9e0b8;
    --refused: #43201c;
    --refused-ink: #ffc9bf;
    --well: #1c1714;
    --key: #e8a878;
    --shadow: 0 1px 2px rgb(0 0 0 / .4), 0 10px 28px -12px rgb(0 0 0 / .6);
  }
}
*, *::before, *::after { box-sizing: border-box }
html { -webkit-text-size-adjust: 100%; text-size-adjust: 100% }
body {
  margin: 0;
  background: var(--page);
  color: var(--ink);
  font: 16px/1.55 system-ui, -apple-system, 'Segoe UI', Roboto, 'Liberation Sans', sans-serif;
  overflow-wrap: break-word;
}
h1, h2, p, ol, ul, dl, dd, pre { margin: 0; padding: 0 }
h1, h2, .wordmark { font-family: var(--serif); font-weight: 600; line-height: 1.2; text-wrap: balance }
h1 { font-size: clamp(1.7rem, 5vw, 2.2rem); letter-spacing: -.01em; overflow-wrap: anywhere }
h2 { font-size: 1.3rem }
h2 .soft { font-weight: 400; font-size: 1.02rem }
h3 { margin: 0; font-size: .92rem }
code, pre, .mono { font-family: var(--mono); font-size: .86em }
a { color: inherit; text-underline-offset: .2em; text-decoration-color: var(--brass) }
a:hover { text-decoration-thickness: 2px }
:focus-visible { outline: 3px solid var(--brass); outline-offset: 2px; border-radius: 6px }
.soft { color: var(--soft) }
.small { font-size: .88rem }

.top, .columns, .foot { width: min(74rem, 100% - 2.5rem); margin-inline: auto }
.top { display: flex; flex-wrap: wrap; align-items: center; gap: .4rem 1rem; padding-block: 1.5rem 1.2rem }
.wordmark { display: inline-flex; align-items: center; gap: .55rem; font-size: 1.3rem; text-decoration: none }
.wordmark img { display: block; width: 2rem; height: 2rem }
.columns { display: grid; grid-template-columns: minmax(0, 1fr); gap: 1.5rem 2.5rem; align-items: start }
@media (min-width: 56rem) { .columns { grid-template-columns: minmax(0, 5fr) minmax(0, 6fr) } }
.front, .behind { display: grid; grid-template-columns: minmax(0, 1fr); gap: 1.25rem }
.foot { padding-block: 2.5rem 2rem }

.card { background: var(--card); border: 1px solid var(--line); border-radius: 14px; padding: 1.35rem 1.4rem; box-shadow: var(--shadow) }
.card > * + * { margin-top: .75rem }
.notice { border-radius: 10px; padding: .7rem 1rem; overflow-wrap: anywhere }
.notice.done { background: var(--done); color: var(--done-ink) }
.notice.refused { background: var(--refused); color: var(--refused-ink) }
.notice small { display: block; font-size: .8rem; margin-top: .1rem }

.visits { display: grid; grid-template-columns: auto 1fr; gap: .2rem 1rem; align-items: center }
.visits .number { grid-row: span 2; font: 600 3.4rem/1 var(--serif); font-variant-numeric: tabular-nums; color: var(--accent); margin: 0 }
.visits > * { margin: 0 }

.button {
  display: inline-flex; align-items: center; justify-content: center; gap: .4rem;
  min-height: 2.75rem; padding: .45rem 1.15rem; border-radius: 999px;
  border: 1px solid var(--accent); background: var(--accent); color: var(--on-accent);
  font: inherit; font-weight: 600; text-decoration: none; cursor: pointer;
}
.button:hover { filter: brightness(1.1) }
.button:active { transform: translateY(1px) }
.button:focus-visible, .step:focus-visible { border-radius: 999px }
.button.quiet { background: transparent; color: inherit; border-color: var(--field-line) }
.button.quiet:hover { background: var(--well); filter: none }
.row { display: flex; flex-wrap: wrap; gap: .6rem; align-items: end }
.row .grow { flex: 1 1 11rem; min-width: 0 }
label { display: block; font-weight: 600; font-size: .92rem; margin-bottom: .25rem }
input[type=text] {
  width: 100%; min-height: 2.75rem; padding: .45rem .8rem; border: 1px solid var(--field-line); border-radius: 10px;
  background: var(--field); color: inherit; font: inherit;
}

.garments { list-style: none; display: grid }
.garments li { display: grid; grid-template-columns: 2.25rem 1fr auto; align-items: center; gap: .75rem; padding-block: .45rem }
.garments li + li { border-top: 1px solid var(--line) }
.garments svg { width: 2.25rem; height: 2.25rem; fill: none; stroke: var(--soft); stroke-width: 1.6; stroke-linejoin: round; stroke-linecap: round }
.garments .hanging svg { stroke: var(--accent); fill: color-mix(in srgb, var(--accent) 14%, transparent) }
.garments .name { font-weight: 600 }
.stepper { display: flex; align-items: center; gap: .35rem }
.stepper output { min-width: 2ch; text-align: center; font-weight: 600; font-variant-numeric: tabular-nums }
.step {
  width: 2.75rem; height: 2.75rem; border-radius: 999px; border: 1px solid var(--field-line); background: transparent;
  color: inherit; font: 600 1.25rem/1 var(--mono); cursor: pointer;
}
.step:hover { background: var(--well) }

/* The ticket is paper, by day and by night. */
.ticket-shadow { filter: drop-shadow(0 1px 1px rgb(60 40 20 / .25)) drop-shadow(0 8px 14px rgb(60 40 20 / .16)) }
.ticket {
  --stub: 8.2rem; --edge: #0000 97%, #000;
  display: grid; grid-template-columns: minmax(0, 1fr) var(--stub);
  background: linear-gradient(175deg, #f8e8bf, #f0d99f); color: #3a2612;
  -webkit-mask:
    radial-gradient(circle 9px at calc(100% - var(--stub)) 0, var(--edge)),
    radial-gradient(circle 9px at calc(100% - var(--stub)) 100%, var(--edge)),
    radial-gradient(circle 4px at 0 50%, var(--edge)) 0 0 / 100% 14px,
    radial-gradient(circle 4px at 100% 50%, var(--edge)) 0 0 / 100% 14px;
  -webkit-mask-composite: source-in;
  mask:
    radial-gradient(circle 9px at calc(100% - var(--stub)) 0, var(--edge)),
    radial-gradient(circle 9px at calc(100% - var(--stub)) 100%, var(--edge)),
    radial-gradient(circle 4px at 0 50%, var(--edge)) 0 0 / 100% 14px,
    radial-gradient(circle 4px at 100% 50%, var(--edge)) 0 0 / 100% 14px;
  mask-composite: intersect;
}
.ticket > div { padding: 1rem 1.15rem 1.05rem 1.4rem; min-width: 0 }
.ticket .stub { border-left: 2px dashed rgb(90 56 20 / .45); padding-inline: 1rem 1.2rem; display: grid; align-content: center; gap: .1rem }
.ticket .label { font-size: .72rem; font-weight: 700; letter-spacing: .09em; text-transform: uppercase; color: #6d4a22 }
.ticket .no { font: 600 1.9rem/1.15 var(--serif); font-variant-numeric: lining-nums; color: #7a2a2c; margin-block: .1rem .25rem }
.ticket .no span { font-family: var(--mono); font-size: .86em; letter-spacing: .02em }
.ticket .whole { font-size: .8rem; line-height: 1.45; overflow-wrap: anywhere }
.ticket .proof { font: 600 1.25rem/1.3 var(--mono) }
.ticket .stub .small { font-size: .76rem; line-height: 1.35; color: #6d4a22 }
.ticket.none { grid-template-columns: 1fr; --stub: -2rem; background: none; border: 2px dashed var(--field-line); border-radius: 10px; padding: 1.4rem; color: var(--soft); -webkit-mask: none; mask: none }
.said { display: grid; gap: .3rem; font-size: .88rem }
.said > div { display: grid; grid-template-columns: 8.6rem minmax(0, 1fr); gap: .75rem }
.said dt { font-family: var(--mono); font-size: .86em; line-height: 1.75; overflow-wrap: anywhere }
.said dd { color: var(--soft); overflow-wrap: anywhere }

.rail { position: relative; padding-top: 3.1rem }
.rail::before { content: ''; position: absolute; inset: .55rem 0 auto; height: 8px; border-radius: 8px; background: linear-gradient(#e2c17c, var(--brass) 45%, #86611f) }
.rail .hanger { position: absolute; top: 0; left: 50%; width: 8.5rem; margin-left: -4.25rem; fill: none; stroke: var(--soft); stroke-width: 3; stroke-linecap: round; stroke-linejoin: round }
.coat { background: var(--well); border: 1px solid var(--line); border-radius: 10px; padding: 1rem 1.1rem; display: grid; gap: .75rem; position: relative }
.coat pre { overflow-x: auto; white-space: pre-wrap; overflow-wrap: anywhere; font-size: .82rem; line-height: 1.5; border-top: 1px dashed var(--line); padding-top: .75rem }
.coat pre:first-child { border-top: 0; padding-top: 0 }
.coat .key { color: var(--key) }
.coat.empty { color: var(--soft); text-align: center; background: none; border-style: dashed; border-width: 2px; border-color: var(--field-line) }

.modes { display: grid; grid-template-columns: repeat(3, 1fr); gap: .25rem; padding: .25rem; border: 1px solid var(--field-line); border-radius: 999px }
.modes button { min-height: 2.5rem; border: 0; border-radius: 999px; background: transparent; color: inherit; font: inherit; font-weight: 600; cursor: pointer }
.modes button:hover { background: var(--well) }
.modes button[aria-current] { background: var(--accent); color: var(--on-accent) }
.modes button:focus-visible { border-radius: 999px }
.meters { display: grid; grid-template-columns: repeat(3, minmax(0, 1fr)); gap: .6rem }
.meters > div { display: grid; align-content: start; background: var(--well); border-radius: 10px; padding: .6rem .8rem .7rem }
.meters dt { font-size: .82rem; color: var(--soft) }
.meters dd { overflow-wrap: anywhere }
.meters dd:nth-of-type(1) { font: 600 1.9rem/1.25 var(--serif); font-variant-numeric: lining-nums tabular-nums; color: var(--accent) }

.book { grid-column: 1 / -1 }
.bills { display: grid; grid-template-columns: minmax(0, 1fr); gap: 1.25rem 2.5rem; align-items: start }
@media (min-width: 56rem) { .bills { grid-template-columns: minmax(0, 3fr) minmax(0, 2fr) } }
table { width: 100%; border-collapse: collapse; table-layout: fixed; font-size: .92rem; font-variant-numeric: tabular-nums }
caption { text-align: left; font-weight: 600; font-size: .92rem; padding-bottom: .3rem }
th, td { padding: .42rem .35rem; text-align: right; font-weight: 400; vertical-align: baseline; overflow-wrap: anywhere }
th:first-child { width: 40%; padding-left: .6rem; text-align: left }
thead th { overflow-wrap: normal; font-size: .8rem; color: var(--soft); vertical-align: bottom }
tbody tr { border-top: 1px solid var(--line) }
tbody .now { background: var(--well) }
th .operations { display: block; font-size: .8rem }
.scroll { max-height: 25rem; overflow-y: auto }
.log { list-style: none; font-size: .92rem }
.log li { display: grid; grid-template-columns: 5rem 8.5rem 7.5rem minmax(0, 1fr); gap: 0 1rem; padding: .42rem .6rem; border-radius: 8px; align-items: baseline }
.log li + li { border-top: 1px solid var(--line); border-radius: 0 0 8px 8px }
.log .now { background: var(--well) }
.log time, .log .request { font-family: var(--mono); font-size: .8rem; color: var(--soft) }
.log .type { font: 600 .82rem var(--mono); color: var(--accent) }
.log .what { overflow-wrap: anywhere }
@media (max-width: 56rem) {
  .log li { grid-template-columns: auto 1fr auto }
  .log .type { order: -1 }
  .log .what { grid-column: 1 / -1 }
}

.sees { padding-left: 1.3rem; display: grid; gap: .45rem; overflow-wrap: anywhere }
.torn { display: block; margin: .25rem auto 0; max-width: 100%; height: auto }
.alone { width: min(34rem, 100% - 2.5rem); margin: 8vh auto 3rem }

@media (max-width: 30rem) {
  .top, .columns, .foot, .alone { width: calc(100% - 1.75rem) }
  .card { padding: 1.1rem 1rem }
  .meters { grid-template-columns: minmax(0, 1fr) }
  .meters > div { grid-template-columns: minmax(0, 1fr) auto; align-items: center; column-gap: 1rem }
  .meters dd:nth-of-type(1) { grid-area: 1 / 2 / span 2 }
  .said > div { grid-template-columns: 7.4rem minmax(0, 1fr) }
  .ticket:not(.none) {
    --stub: 6.2rem;
    grid-template-columns: minmax(0, 1fr); grid-template-rows: auto var(--stub);
    -webkit-mask:
      radial-gradient(circle 9px at 0 calc(100% - var(--stub)), var(--edge)),
      radial-gradient(circle 9px at 100% calc(100% - var(--stub)), var(--edge));
    -webkit-mask-composite: source-in;
    mask:
      radial-gradient(circle 9px at 0 calc(100% - var(--stub)), var(--edge)),
      radial-gradient(circle 9px at 100% calc(100% - var(--stub)), var(--edge));
    mask-composite: intersect;
    border-radius: 8px;
  }
  .ticket .stub { border-left: 0; border-top: 2px dashed rgb(90 56 20 / .45); padding-left: 1.4rem }
}
@media (prefers-reduced-motion: no-preference) {
  .button, .step { transition: background .15s, filter .15s }
}
`

export const icon = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32">
<path fill="#f3dfae" stroke="#7a2a2c" stroke-width="2" stroke-linejoin="round"
  d="M4 8h24v5a3 3 0 0 0 0 6v5H4v-5a3 3 0 0 0 0-6z"/>
<path stroke="#7a2a2c" stroke-width="2" stroke-dasharray="2.4 2.4" d="M21 9.5v14"/>
<path stroke="#7a2a2c" stroke-width="2" stroke-linecap="round" d="M9 14h7M9 18.500h5"/>
</svg>`

export const tornTicket = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 220 110">
<g fill="#f3dfae" stroke="#7a2a2c" stroke-width="2.500" stroke-linejoin="round">
<path transform="rotate(-7 60 60)" d="M12 30h92l-7 12 8 10-9 11 8 10-7 13H12v-18a10 10 0 0 0 0-20z"/>
<path transform="rotate(8 160 60)" d="M124 30h84v18a10 10 0 0 0 0 20v18h-84l7-13-8-10 9-11-8-10z"/></g>
<g fill="none" stroke="#7a2a2c" stroke-width="3" stroke-linecap="round">
<path transform="rotate(-7 60 60)" d="M36 52h44M36 66h28"/>
<path transform="rotate(8 160 60)" stroke-dasharray="1 8" d="M178 34v50"/></g>
</svg>`
