"""How the HTML report looks: one column of prose, light or dark as the reader's system is, no script."""

CSS = """
:root {
  color-scheme: light dark;
  --page: #f6f5f1; --card: #ffffff; --ink: #1d2330; --soft: #5d6675; --line: #dcdfe4;
  --network: #1f6feb; --opponent: #8a929e; --good: #1a7f4b; --fair: #96680a; --poor: #bb3434; --none: #7a4bb5;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #12151b; --card: #1a1f28; --ink: #e8eaee; --soft: #9aa4b2; --line: #313947;
    --network: #6ea8fe; --opponent: #8c96a5; --good: #57c98b; --fair: #e0b04b; --poor: #f28b82; --none: #c49bf0;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0; background: var(--page); color: var(--ink);
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif;
}
main { max-width: 66rem; margin: 0 auto; padding: 2.5rem 1.25rem 4rem; }
header p { margin: 0; color: var(--soft); }
h1 { margin: 0; font-size: 2rem; line-height: 1.2; letter-spacing: -0.01em; overflow-wrap: anywhere; }
h2 { margin: 2.75rem 0 0.75rem; font-size: 1.25rem; }
p { overflow-wrap: anywhere; }
.soft { color: var(--soft); }
.verdict {
  margin: 1.5rem 0; padding: 1rem 1.25rem; border-left: 5px solid var(--tone);
  border-radius: 0 10px 10px 0; background: color-mix(in srgb, var(--tone) 9%, var(--card));
}
.verdict strong { display: block; color: var(--tone); font-size: 0.85rem; letter-spacing: 0.04em; }
.verdict span { font-size: 1.15rem; }
.worth_it { --tone: var(--good); } .no_difference { --tone: var(--fair); }
.not_worth_it { --tone: var(--poor); } .no_signal { --tone: var(--none); }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(11rem, 1fr)); gap: 0.9rem; margin: 0; }
.tiles div { padding: 0.9rem 1.1rem; background: var(--card); border: 1px solid var(--line); border-radius: 10px; }
.tiles dt { color: var(--soft); font-size: 0.9rem; }
.tiles dd { margin: 0; font-size: 1.7rem; font-weight: 650; line-height: 1.25; font-variant-numeric: tabular-nums; }
.tiles dd + dd { font-size: 0.85rem; font-weight: 400; color: var(--soft); }
.wide { overflow-x: auto; background: var(--card); border: 1px solid var(--line); border-radius: 10px; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
caption { caption-side: bottom; padding: 0.6rem 1rem; text-align: left; color: var(--soft); font-size: 0.9rem; }
th, td { padding: 0.5rem 1rem; text-align: right; border-bottom: 1px solid var(--line); white-space: nowrap; }
th { font-weight: 600; }
thead th { color: var(--soft); font-size: 0.9rem; vertical-align: bottom; white-space: normal; }
tbody th, thead th:first-child { text-align: left; }
tbody tr:last-child > * { border-bottom: 0; }
td small { display: block; color: var(--soft); font-weight: 400; }
td.best { color: var(--good); font-weight: 650; }
.facts th, .facts td { text-align: left; white-space: normal; vertical-align: top; overflow-wrap: anywhere; }
.facts th { width: 10rem; color: var(--soft); font-weight: 400; }
.confusion td { background: color-mix(in srgb, var(--network) var(--share), transparent); }
.confusion small { color: inherit; }
.confusion th { overflow-wrap: break-word; white-space: normal; max-width: 14rem; }
.confusion th, .confusion td { padding: 0.5rem 0.7rem; }
.pairs thead th:nth-child(2) { text-align: left; }
.compact { font-size: 0.85rem; }
.compact th, .compact td { padding: 0.3rem 0.35rem; }
.compact thead th { font-size: 0.75rem; text-align: right; }
.compact tbody th { white-space: nowrap; }
.figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(21rem, 100%), 1fr)); gap: 1rem; }
.figures > :last-child:nth-child(odd) { grid-column: 1 / -1; }
figure { margin: 0; padding: 1rem; background: var(--card); border: 1px solid var(--line); border-radius: 10px; }
figure h3 { margin: 0 0 0.5rem; font-size: 1rem; }
figure svg { display: block; width: 100%; height: auto; }
figure svg text { font-family: inherit !important; }
.figures figure.whole { grid-column: 1 / -1; }
.below { margin-top: 1rem; }
.below svg { min-width: 34rem; }
.scroll { overflow-x: auto; }
figcaption ul { margin: 0.4rem 0 0; padding-left: 1.2rem; }
figcaption { margin-top: 0.6rem; color: var(--soft); font-size: 0.9rem; }
code { font: 0.92rem/1.5 ui-monospace, "SF Mono", Consolas, "Liberation Mono", monospace; overflow-wrap: anywhere; }
.next { list-style: none; padding: 0; margin: 0; }
.next li {
  margin-bottom: 0.6rem; padding: 0.7rem 1rem;
  background: var(--card); border: 1px solid var(--line); border-radius: 10px;
}
.next span { display: block; color: var(--soft); font-size: 0.9rem; }
@media print { body { background: none; } h2 { break-after: avoid; } figure, .wide { break-inside: avoid; } }
"""
