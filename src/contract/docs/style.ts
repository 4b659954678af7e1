/** The style sheet of the `/docs` page. */
import { scrollShadow } from '../../html.js';

export const STYLE = `
:root {
  color-scheme: light dark;
  --page: #f6f7f9; --card: #ffffff; --ink: #16202c; --quiet: #566374; --line: #d9dfe7; --field: #ffffff;
  --accent: #0b6e4f; --on-accent: #ffffff; --good: #0b6e4f; --bad: #b3261e; --code: #eef1f5; --focus: #0a58ca;
  --shade: rgb(22 32 44 / 25%);
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #10161d; --card: #18212b; --ink: #e6ebf1; --quiet: #a3b1c2; --line: #2d3a48; --field: #111921;
    --accent: #4fd1a5; --on-accent: #06231a; --good: #4fd1a5; --bad: #ff8a80; --code: #0f161d; --focus: #8ab4ff;
    --shade: rgb(163 177 194 / 40%);
  }
}
* { box-sizing: border-box; }
html { scroll-padding-top: 1rem; }
body {
  margin: 0; background: var(--page); color: var(--ink);
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif;
}
a { color: inherit; }
:focus-visible { outline: 3px solid var(--focus); outline-offset: 2px; border-radius: 4px; }
.skip { position: absolute; left: -999rem; }
.skip:focus { left: 1rem; top: 1rem; background: var(--card); padding: .5rem 1rem; z-index: 1; }
header, main, footer { max-width: 70rem; margin: 0 auto; padding: 0 1.25rem; }
header { padding-top: 2rem; display: flex; flex-wrap: wrap; align-items: baseline; gap: .25rem 1rem; }
nav { flex-basis: 100%; display: flex; flex-wrap: wrap; gap: .25rem 1.25rem; margin-top: .5rem; }
h1 { font-size: 1.75rem; margin: 0; letter-spacing: -.02em; }
h2 { font-size: 1.2rem; margin: 2.25rem 0 .75rem; }
h3 { font-size: 1rem; margin: 1.25rem 0 .4rem; }
p { margin: .4rem 0; }
.quiet { color: var(--quiet); }
.card { background: var(--card); border: 1px solid var(--line); border-radius: 10px; }
.columns { display: grid; grid-template-columns: minmax(0, 1fr) minmax(0, 1fr); gap: 1.25rem; align-items: start; }
.columns > * { padding: 1.25rem; }
@media (max-width: 52rem) { .columns { grid-template-columns: minmax(0, 1fr); } }
.features { display: grid; grid-template-columns: repeat(auto-fill, minmax(10.5rem, 1fr)); gap: .6rem .75rem; }
@media (min-width: 52rem) {
  .features {
    max-height: 36rem; overflow: auto; padding: 3px; margin: 0 -3px;
    ${scrollShadow({ axis: 'y', surface: 'var(--card)', shade: 'var(--shade)' })}
  }
}
fieldset { border: 0; margin: 0; padding: 0; min-width: 0; }
legend { font-weight: 600; padding: 0; }
label { display: block; font-size: .875rem; color: var(--quiet); overflow-wrap: anywhere; }
input, select, textarea, button { font: inherit; }
input:not([type=radio]), select, textarea {
  width: 100%; margin-top: .15rem; padding: .4rem .55rem; color: var(--ink); background: var(--field);
  border: 1px solid var(--quiet); border-radius: 6px;
}
input[type=radio] { width: 1.1rem; height: 1.1rem; margin: .15rem 0 0; accent-color: var(--accent); }
textarea {
  min-height: 9rem; font: .875rem/1.45 ui-monospace, SFMono-Regular, Menlo, Consolas, monospace;
  resize: vertical;
}
.options {
  display: grid; grid-template-columns: repeat(auto-fill, minmax(12rem, 1fr)); gap: .75rem; align-items: end;
  margin: 1rem 0;
}
.modes { margin: 1rem 0; display: grid; gap: .6rem; }
.modes legend { margin-bottom: .4rem; }
.mode { display: grid; grid-template-columns: auto 1fr; gap: 0 .6rem; }
.mode label { font-size: 1rem; color: var(--ink); }
.mode p { grid-column: 2; margin: 0; font-size: .875rem; }
button {
  padding: .5rem 1.1rem; border: 1px solid transparent; border-radius: 6px; background: var(--accent);
  color: var(--on-accent); font-weight: 600; cursor: pointer;
}
button.plain {
  background: transparent; color: inherit; border-color: var(--quiet); font-weight: 400;
  padding: .25rem .7rem; font-size: .875rem;
}
button:disabled { opacity: .6; cursor: progress; }
pre {
  margin: .4rem 0 0; padding: .75rem; ${scrollShadow({ axis: 'y', surface: 'var(--code)', shade: 'var(--shade)' })}
  background-color: var(--code); white-space: pre-wrap; overflow-wrap: anywhere; border: 1px solid var(--line);
  border-radius: 6px; overflow: auto; max-height: 24rem;
  font: .8125rem/1.5 ui-monospace, SFMono-Regular, Menlo, Consolas, monospace;
}
.line { display: flex; flex-wrap: wrap; align-items: center; justify-content: space-between; gap: .5rem 1rem; }
.score {
  font-size: 2.5rem; font-weight: 700; letter-spacing: -.03em; line-height: 1.2; margin: .25rem 0;
  font-variant-numeric: tabular-nums; overflow-wrap: anywhere;
}
meter { width: 100%; height: .8rem; }
table { border-collapse: collapse; width: 100%; font-size: .875rem; }
th, td {
  text-align: left; padding: .35rem .75rem .35rem 0; border-bottom: 1px solid var(--line);
  vertical-align: top; overflow-wrap: anywhere;
}
th { color: var(--quiet); font-weight: 600; white-space: nowrap; }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; padding-right: 0; padding-left: .75rem; }
.good { color: var(--good); font-weight: 600; }
.bad { color: var(--bad); font-weight: 600; }
details { border-top: 1px solid var(--line); }
details:first-child { border-top: 0; }
summary {
  display: grid; grid-template-columns: 5rem minmax(7rem, 19rem) 1fr; gap: .75rem; align-items: baseline;
  padding: .7rem 1.25rem; cursor: pointer; list-style: none;
}
summary::-webkit-details-marker { display: none; }
@media (max-width: 36rem) {
  summary { grid-template-columns: 5rem 1fr; }
  summary span:last-child { grid-column: 1 / -1; }
}
summary .method {
  font-weight: 700; font-size: .8125rem; letter-spacing: .04em; color: var(--accent); white-space: nowrap;
}
summary .method::before { content: "▸ " / ""; }
details[open] > summary .method::before { content: "▾ " / ""; }
summary code { font-weight: 600; overflow-wrap: anywhere; }
code { font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; font-size: .9em; }
details > div { padding: 0 1.25rem 1.25rem; }
.problems { padding: .25rem 1.25rem; }
.problems div {
  display: grid; grid-template-columns: 3.5rem minmax(9rem, 13rem) 1fr; gap: .75rem; padding: .5rem 0;
  border-top: 1px solid var(--line);
}
.problems div:first-child { border-top: 0; }
.problems div:target { background: var(--code); }
@media (max-width: 40rem) {
  .problems div { grid-template-columns: 3.5rem 1fr; }
  .problems dd:last-child { grid-column: 1 / -1; }
}
.problems dt, .problems dd { margin: 0; }
.problems dt { font-weight: 700; }
footer { padding-top: 2rem; padding-bottom: 3rem; color: var(--quiet); font-size: .875rem; }
`;
