/** Colours by role, as the dashboard has them: light for paper and light screens, dark for dark ones. A test compares them. */
export const lightColours = {
  void: '#e8ebef',
  panel: '#ffffff',
  'line-1': '#e4e8ec',
  'line-2': '#cbd2da',
  'line-3': '#7d8793',
  'ink-1': '#12161b',
  'ink-2': '#434d59',
  'ink-3': '#626c78',
  'on-fill': '#ffffff',
  up: '#0369a1',
  down: '#c2410c',
  proof: '#1a7d4b',
  'proof-fill': '#559c78',
  'proof-held': '#c9e3d5',
  caution: '#736000',
  fault: '#86104f',
  unreal: '#7038b3',
} as const;

export const darkColours: Readonly<Record<keyof typeof lightColours, string>> = {
  void: '#090b0f',
  panel: '#0e1116',
  'line-1': '#1c222a',
  'line-2': '#2c3440',
  'line-3': '#626d7b',
  'ink-1': '#e6e9ed',
  'ink-2': '#a6afba',
  'ink-3': '#818b97',
  'on-fill': '#0b0e12',
  up: '#4c9aff',
  down: '#ffb020',
  proof: '#78e8c4',
  'proof-fill': '#458a77',
  'proof-held': '#26443d',
  caution: '#e9df6a',
  fault: '#e8579f',
  unreal: '#c4a1ff',
};

const variables = (colours: Readonly<Record<string, string>>) =>
  Object.entries(colours)
    .map(([name, colour]) => `--${name}:${colour}`)
    .join(';');

/** Lines that look the same in both themes are told apart by weight and dash, not by hue. */
const lineLooks = ['ink', 'up', 'down', 'a', 'b', 'c', 'd', 'e', 'f'] as const;
const lineColours: Readonly<Record<(typeof lineLooks)[number], string>> = {
  ink: 'ink-1',
  up: 'up',
  down: 'down',
  a: 'ink-1',
  b: 'up',
  c: 'down',
  d: 'unreal',
  e: 'proof',
  f: 'ink-3',
};
const lineRules = lineLooks
  .map((look) => `.s-${look}{stroke:var(--${lineColours[look]})}.f-${look}{fill:var(--${lineColours[look]})}`)
  .join('');

/** Shades of a correlation's strength, tenth by tenth; the text on them stays readable. */
const mapRules = Array.from({ length: 11 }, (_, tenth) =>
  ['with', 'against']
    .map(
      (side) =>
        `.map .${side}-${tenth}{background:color-mix(in srgb,var(--${side === 'with' ? 'up' : 'down'}) ${tenth * 3}%,var(--panel))}`,
    )
    .join(''),
).join('');

/** `mark` stands on every page: what is not live or historical says so wherever it is cut off. */
export function styleSheet(options: {
  readonly font: string | undefined;
  readonly footer: string;
  readonly mark: { readonly word: string; readonly words: string } | undefined;
}): string {
  const { font, footer, mark } = options;
  const face =
    font === undefined
      ? ''
      : `@font-face{font-family:Plex;src:url(data:font/woff2;base64,${font}) format("woff2");font-weight:100 700}`;
  const top =
    mark === undefined
      ? ''
      : `@top-center{content:${cssText(mark.words)};font:600 9pt Plex,system-ui,sans-serif;color:${lightColours.unreal};letter-spacing:.08em}`;
  return `${face}
:root{color-scheme:light dark;${variables(lightColours)};--font:Plex,"IBM Plex Sans",system-ui,sans-serif}
@media screen and (prefers-color-scheme:dark){:root{${variables(darkColours)}}}
@page{size:A4;margin:13mm 12mm 15mm;@bottom-left{width:86%;content:${cssText(footer)};font:450 7.5pt Plex,system-ui,sans-serif;color:${lightColours['ink-3']}}@bottom-right{width:14%;content:counter(page) " of " counter(pages);font:450 7.5pt Plex,system-ui,sans-serif;color:${lightColours['ink-3']}}${top}}
*{box-sizing:border-box;margin:0;padding:0}
html{-webkit-text-size-adjust:100%}
body{font:400 12.5px/18px var(--font);color:var(--ink-1);background:var(--void);padding:24px 16px 40px;print-color-adjust:exact;-webkit-print-color-adjust:exact}
main{width:794px;max-width:100%;margin:0 auto;background:var(--panel);padding:36px 44px 28px;box-shadow:0 0 0 1px var(--line-2)}
.unreal{border-top:8px solid;border-image:repeating-linear-gradient(135deg,var(--unreal) 0 6px,transparent 6px 12px) 8}
header{display:flex;flex-wrap:wrap;align-items:flex-start;gap:6px 16px;border-bottom:2px solid var(--ink-1);padding-bottom:10px}
header>div:first-child{flex:1 1 260px;min-width:0}
h1{font-size:24px;line-height:28px;font-weight:600;overflow-wrap:anywhere}
.s{color:var(--ink-2)}.s b{font-weight:500;color:var(--ink-1)}
.brand{display:inline-flex;align-items:center;gap:7px;font-weight:600;font-size:14px;line-height:28px}.brand svg{width:15px;height:15px}
.brand path{fill:none;stroke:var(--ink-1);stroke-width:2}.brand .m{stroke:var(--proof)}
.pills{display:flex;flex-wrap:wrap;gap:6px;flex-basis:100%}
.pill{font-size:10.5px;line-height:16px;padding:0 6px;border:1px solid var(--line-3);border-radius:2px;letter-spacing:.045em;font-weight:600;text-transform:uppercase;white-space:nowrap}
.p-unreal{color:var(--unreal);border-color:var(--unreal)}.p-final{color:var(--proof);border-color:var(--proof)}.p-provisional{color:var(--caution);border-color:var(--caution);border-style:dashed}.p-partial{color:var(--fault);border-color:var(--fault)}
.fig{display:grid;grid-template-columns:repeat(6,1fr);border-bottom:1px solid var(--line-1)}
.fig>div{padding:10px 6px 10px 12px;border-left:1px solid var(--line-1);min-width:0}.fig>div:first-child{padding-left:0;border-left:0}
.fig b{display:block;font-size:16px;line-height:22px;font-weight:500;white-space:nowrap}.fig span{display:block}
.micro,.dim{font-size:10.5px;line-height:14px;color:var(--ink-3)}.dim{font-size:11.5px}
.lead{color:var(--ink-2);margin-top:10px}.lead b{font-weight:500;color:var(--ink-1)}
.note{border-left:3px solid var(--caution);padding:2px 0 2px 10px;margin:12px 0 6px;color:var(--ink-2)}.note b{color:var(--ink-1);font-weight:500}.note.f{border-color:var(--fault)}.note.u{border-color:var(--unreal)}
section{margin-top:16px}.keep{break-inside:avoid}
.h{display:flex;flex-wrap:wrap;align-items:baseline;gap:0 8px;margin-bottom:4px;break-after:avoid}
h2{font-size:14px;line-height:20px;font-weight:600}h3{font-size:10.5px;line-height:14px;color:var(--ink-3);font-weight:400}
.cols{display:grid;grid-template-columns:minmax(0,1fr) minmax(0,1fr);gap:0 28px}
.wide{overflow-x:auto}
svg{display:block;width:100%;height:auto}
svg text{font:450 10px var(--font);fill:var(--ink-3)}svg text.halo{paint-order:stroke;stroke:var(--panel);stroke-width:2.5px}svg text.on{fill:var(--on-fill);font-weight:600}svg text.v{fill:var(--ink-1)}svg text.fault{fill:var(--fault)}
.g{stroke:var(--line-1);fill:none}.edge{stroke:var(--line-3);fill:none}.l-up{stroke:var(--up);fill:none}.l-down{stroke:var(--down);fill:none}
.f-proof{fill:var(--proof)}.f-caution{fill:var(--caution)}.f-proof-fill{fill:var(--proof-fill)}.f-proof-held{fill:var(--proof-held)}
.soft{fill-opacity:.58}.faint{fill-opacity:.26}
.forming{fill:var(--panel);stroke:var(--ink-2);stroke-dasharray:2 1.5}.outline{fill:none;stroke:var(--ink-2);stroke-width:.7}.quiet{fill:none;stroke:var(--ink-3);stroke-dasharray:1 2}
.part-up,.part-down{fill:var(--panel);stroke-width:.9}.part-up{stroke:var(--up)}.part-down{stroke:var(--down)}.hatch,.gap,.hatch-fault{fill:url(#missing)}.gap{stroke:var(--fault);stroke-opacity:.5;stroke-width:.6}.absent{fill:url(#absent)}
.fixed{fill:var(--proof);stroke:var(--panel);stroke-width:.8}.lost{fill:var(--panel);stroke:var(--fault);stroke-width:.8}
.band{fill-opacity:.16}.line{fill:none;stroke-width:1.3;stroke-linejoin:round}${lineRules}.s-d,.s-f{stroke-dasharray:4 2}
table{width:100%;border-collapse:collapse;font-size:12px;line-height:16px}
td,th{text-align:left;font-weight:400;padding:3px 0 3px 12px;border-bottom:1px solid var(--line-1);color:var(--ink-2);vertical-align:top}td:first-child,th:first-child{padding-left:0}
thead td{font-size:10.5px;line-height:14px;color:var(--ink-3);border-bottom-color:var(--line-2);vertical-align:bottom}thead th{font-size:10.5px;line-height:14px;color:var(--ink-3);border-bottom-color:var(--line-2);vertical-align:bottom}thead{display:table-header-group}tr{break-inside:avoid}
.n{text-align:right;white-space:nowrap;font-variant-numeric:tabular-nums}.v{color:var(--ink-1);font-weight:450}.up{color:var(--up)}.down{color:var(--down)}.w{overflow-wrap:anywhere}
td.bar{width:46%;vertical-align:middle}
.st{white-space:nowrap}.st i{display:inline-block;width:8px;height:8px;margin-right:5px;border:1px solid var(--ink-3)}.st.repaired i{background:var(--proof);border-color:var(--proof);transform:rotate(45deg) scale(.8)}.st.declared i{border-color:var(--fault);border-style:dashed}.st.open i,.st.repairing i{background:var(--fault);border-color:var(--fault)}
.none{color:var(--ink-3);padding:6px 0}
.legend{display:flex;flex-wrap:wrap;gap:2px 14px;font-size:10.5px;line-height:14px;color:var(--ink-3);margin-top:4px}.legend i{display:inline-block;width:9px;height:5px;margin-right:5px;vertical-align:1px}
.k-proof{background:var(--proof-fill)}.k-held{background:var(--proof-held)}.k-part{border:1px solid var(--fault)}.k-diamond{background:var(--proof);height:6px!important;width:6px!important;transform:rotate(45deg)}.k-triangle{background:var(--caution);clip-path:polygon(50% 0,100% 100%,0 100%);height:7px!important}
.map{table-layout:fixed;font-size:9.5px;line-height:14px}.map td,.map th{text-align:center;padding:3px 0;border:0;color:var(--ink-1);font-variant-numeric:tabular-nums;overflow:hidden}.map tbody th{text-align:left;color:var(--ink-2);overflow-wrap:anywhere}.map thead th span{display:block;overflow-wrap:anywhere}.map tr>:first-child{width:76px}.map .self{color:var(--ink-3)}.map .unknown{color:var(--ink-3);background:repeating-linear-gradient(45deg,var(--line-1) 0 2px,transparent 2px 6px)}
${mapRules}
footer{break-inside:avoid;margin-top:18px;border-top:1px solid var(--line-2);padding-top:10px;display:flex;flex-wrap:wrap;gap:2px 16px;font-size:10.5px;line-height:14px;color:var(--ink-3);overflow-wrap:anywhere}footer b{font-weight:500;color:var(--ink-2)}
code{font:12px/16px ui-monospace,"DejaVu Sans Mono",monospace;color:var(--ink-1);overflow-wrap:anywhere}
.water{position:fixed;inset:0;display:grid;place-items:center;pointer-events:none;z-index:1}.water::before{content:${cssText(mark?.word ?? '')};font-size:92px;font-weight:600;letter-spacing:.06em;color:var(--unreal);opacity:.07;transform:rotate(-32deg);white-space:nowrap}
.new{break-before:page}
@media screen and (max-width:720px){body{padding:0}main{padding:16px 12px 24px;box-shadow:none}.fig{grid-template-columns:1fr 1fr}.fig>div{padding-left:0;border-left:0}.fig>div:nth-child(even){padding-left:12px;border-left:1px solid var(--line-1)}.cols{grid-template-columns:minmax(0,1fr)}.wide>svg{min-width:620px}.wide>table{min-width:520px}.water::before{font-size:14vw}td.bar{width:38%}}
@media print{html,body{background:none}body{padding:0}main{width:auto;max-width:none;padding:0;box-shadow:none}section{margin-top:13px}.unreal{border-top:0}.wide{overflow:visible}}`;
}

/** A string of CSS that nothing can end. */
function cssText(text: string): string {
  return `"${text.replace(/[^A-Za-z0-9 .,:·–-]/gu, (letter) => `\\${letter.codePointAt(0)!.toString(16)} `)}"`;
}
