"""How the documentation page looks: readable on paper, phone and screen, by day and by night, without any download."""

from typing import Final

STYLESHEET: Final = """
:root { color-scheme: light dark; --line: #8884; --soft: #8881; --accent: #2f6fdf; }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 60rem; padding: 2rem 1.25rem 4rem; font: 1rem/1.55 system-ui, sans-serif; }
h1 { font-size: 1.8rem; margin: 0 0 .25rem; }
h2 { margin: 3rem 0 .5rem; padding-top: 1rem; border-top: 1px solid var(--line); font-size: 1.3rem; }
h3 { margin: 1.5rem 0 .4rem; font-size: 1rem; }
a { color: var(--accent); }
nav ul { list-style: none; padding: 0; }
nav li { margin: .2rem 0; }
code, pre { font: .875em/1.5 ui-monospace, monospace; }
pre { background: var(--soft); border: 1px solid var(--line); border-radius: .4rem; padding: .8rem 1rem;
  overflow-x: auto; }
.method { display: inline-block; min-width: 3.4rem; font-weight: 600; color: var(--accent); }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: .93rem; }
th, td { text-align: left; vertical-align: top; padding: .35rem .8rem .35rem 0; border-bottom: 1px solid var(--line); }
summary { cursor: pointer; margin: .8rem 0 .3rem; font-weight: 600; }
:target { background: var(--soft); }
@media print { details > * { display: block; } }
"""
