/** The page's one stylesheet. Colours stand here only; a test checks their contrast in both schemes. */
const light = `
--paper:#eef1ef;--sheet:#fbfcfb;--ink:#13201c;--soft:#50605a;--line:#d3dbd7;--hair:#e4e9e6;
--kafka:#44586b;--bronze:#9a5527;--silver:#7c8894;--gold:#b58400;--point:#3c7f78;--good:#0b6a55;--warn:#8a5a00;--bad:#b9301c;`;
const dark = `
--paper:#0b1210;--sheet:#121b18;--ink:#e4ebe8;--soft:#97a8a1;--line:#2a3833;--hair:#1d2925;
--kafka:#7f9bb5;--bronze:#cf8450;--silver:#a9b5c0;--gold:#e2b437;--point:#5fb3a8;--good:#58c9aa;--warn:#e0b04c;--bad:#ff7a63;`;

export const style = `
:root{color-scheme:light dark;${light}}
@media (prefers-color-scheme:dark){:root{${dark}}}
*{box-sizing:border-box}
body{margin:0;background:var(--paper);color:var(--ink);font:15px/1.5 "Avenir Next","Segoe UI Variable Text","Segoe UI",system-ui,-apple-system,Roboto,"Helvetica Neue",sans-serif;font-variant-numeric:tabular-nums;-webkit-text-size-adjust:100%}
#page{max-width:1240px;margin:0 auto;padding:0 24px 48px}
h1,h2,h3,p,dl,dd,ul,ol,figure{margin:0}
code,.mono{font-family:ui-monospace,"Cascadia Code","SF Mono",Menlo,Consolas,"DejaVu Sans Mono",monospace;font-size:.86em}
header{display:flex;flex-wrap:wrap;align-items:center;gap:6px 20px;padding:22px 0 18px}
header .mark{display:flex;align-items:center;gap:11px;margin-right:auto}
header .mark svg{flex:none}
h1{font-size:1.32rem;line-height:1.2;font-weight:650;letter-spacing:-.012em}
h1 span{font-weight:400;color:var(--soft)}
.stamp{color:var(--soft);font-size:.86rem}
.chip{display:inline-flex;align-items:center;gap:8px;padding:3px 12px 3px 10px;border:1px solid var(--line);border-radius:99px;background:var(--sheet);font-size:.9rem;font-weight:600}
.chip::before,.state::before{content:"";width:8px;height:8px;border-radius:50%;background:var(--soft)}
.chip.ok::before,.state.current::before,.state.fresh::before{background:var(--good)}
.chip.broken::before{background:var(--bad);border-radius:1px}
.chip.unknown::before,.state.late::before{background:var(--warn);border-radius:1px;transform:rotate(45deg)}
.note{margin:0 0 14px;padding:11px 16px;border-radius:8px;background:var(--sheet);border:1px solid var(--warn);overflow-wrap:anywhere}
.lost{position:fixed;left:50%;bottom:16px;transform:translateX(-50%);margin:0;box-shadow:0 4px 18px #0004}
.lost[hidden]{display:none}
.note.bad{border-color:var(--bad)}
.note strong{margin-right:6px}
.note ul{padding-left:20px}
section{background:var(--sheet);border:1px solid var(--line);border-radius:12px;padding:18px 22px 20px;min-width:0}
h2{font-size:1rem;font-weight:650;letter-spacing:-.005em}
.lead{margin-top:12px}
h2+p,.lead{color:var(--soft);font-size:.9rem;margin-bottom:12px}
.rows{display:grid;gap:16px;margin-top:16px}
.split{display:grid;gap:16px;grid-template-columns:minmax(0,5fr) minmax(0,3fr)}
.half{display:grid;gap:16px;grid-template-columns:minmax(0,1fr) minmax(0,1fr)}
.flow{padding:0;overflow:hidden}
.flow h2,.flow>p{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}
.stages{display:grid;grid-template-columns:repeat(4,minmax(0,1fr));list-style:none;padding:0}
.stages>li{padding:20px 22px 16px;border-left:1px solid var(--hair)}
.stages>li:first-child{border-left:0}
.stages h3{display:flex;flex-wrap:wrap;gap:2px 9px;align-items:baseline;font-size:.95rem;font-weight:650}
.stages h3 code{font-weight:400;color:var(--soft)}
.big{font-size:clamp(1.7rem,3.1vw,2.55rem);line-height:1.15;font-weight:600;letter-spacing:-.028em;margin:6px 0 2px}
.kafka .big{color:var(--kafka)}
.state{display:inline-flex;align-items:center;gap:7px;font-size:.86rem;color:var(--soft)}
dl.facts{display:grid;grid-template-columns:minmax(0,auto) minmax(0,1fr);gap:1px 14px;font-size:.88rem;margin-top:8px}
dl.facts dt{color:var(--soft)}
dl.facts dd{text-align:right;overflow-wrap:anywhere}
.band{display:block}
.stop-kafka{stop-color:var(--kafka)}.stop-bronze{stop-color:var(--bronze)}.stop-silver{stop-color:var(--silver)}.stop-gold{stop-color:var(--gold)}
.seg-gold{fill:var(--gold)}.off{fill:var(--soft);opacity:.62}.off.bad{fill:var(--bad);opacity:.92}
.leaves{display:grid;grid-template-columns:repeat(4,minmax(0,1fr));list-style:none;padding:0 0 16px;font-size:.86rem;color:var(--soft)}
.leaves li{padding:6px 22px 0}
.leaves b{color:var(--ink);font-weight:600}
.plot{display:block;overflow:visible}
.tick{fill:var(--soft);font-size:11.5px}.tick.strong{fill:var(--ink);font-weight:650}
.axis{stroke:var(--line)}.grid{stroke:var(--hair)}.cut{stroke:var(--ink);stroke-dasharray:2 3}
.bar{fill:var(--point)}.bar.flag{fill:var(--bad)}
.dot{fill:none;stroke:var(--point);stroke-width:3.2;stroke-linecap:round;stroke-opacity:.6;vector-effect:non-scaling-stroke}
.dot.flag{stroke:var(--bad);stroke-width:6;stroke-opacity:.95}
.multiples{display:grid;gap:18px 28px;grid-template-columns:repeat(auto-fit,minmax(min(100%,300px),1fr))}
.multiples h3{font-size:.9rem;font-weight:600;display:flex;justify-content:space-between;gap:12px;margin-bottom:4px;overflow-wrap:anywhere}
.multiples h3 span{font-weight:400;color:var(--soft);white-space:nowrap}
.key{display:inline-flex;gap:16px;flex-wrap:wrap;font-size:.86rem;color:var(--soft)}
.key span::before{content:"";display:inline-block;width:9px;height:9px;border-radius:50%;background:var(--point);margin-right:6px}
.key .flag::before{background:var(--bad)}
.scroll{overflow-x:auto;margin:0 -22px;padding:0 22px}
.scroll:focus-visible{outline:2px solid var(--point);outline-offset:-2px}
table{border-collapse:collapse;width:100%;font-size:.9rem}
caption{text-align:left;max-width:calc(100vw - 64px);color:var(--soft);font-size:.9rem;padding-bottom:8px}
th{font-weight:600;text-align:left;color:var(--soft);font-size:.82rem;white-space:nowrap}
th,td{padding:6px 14px 6px 0;border-bottom:1px solid var(--hair);vertical-align:top}
tbody tr:last-child>*{border-bottom:0}
tbody th{color:var(--ink);font-size:inherit;font-weight:400}
th:last-child,td:last-child{padding-right:0}
.n{text-align:right;white-space:nowrap}
.wrap{min-width:300px;overflow-wrap:anywhere}
td.break{max-width:220px;overflow-wrap:anywhere}
.time{white-space:nowrap}
.score{color:var(--bad);font-weight:600}
.bars{display:block;width:100%;min-width:60px;height:10px;margin-top:6px}
.bars rect{fill:var(--bad)}
tr.sum>*{font-weight:650}
tbody tr.part th{padding-left:16px}
td.bar{width:42%}
tbody+tbody::before{content:"";display:block;height:14px}
h2+p.none{color:var(--soft);font-size:inherit;margin:14px 0 4px}
.none b{display:block;color:var(--ink);font-weight:600}
footer{color:var(--soft);font-size:.86rem;padding:18px 2px 0;overflow-wrap:anywhere}
@media (max-width:860px){
#page{padding:0 14px 32px}
.split,.half{grid-template-columns:minmax(0,1fr)}
.stages{grid-template-columns:minmax(0,1fr)}
.stages>li{border-left:0;border-top:1px solid var(--hair);padding:14px 16px;border-left:5px solid var(--metal,var(--line))}
.stages>li:first-child{border-top:0;border-left:5px solid var(--kafka)}
.stages .bronze{--metal:var(--bronze)}.stages .silver{--metal:var(--silver)}.stages .gold{--metal:var(--gold)}
.band{display:none}
.leaves{grid-template-columns:minmax(0,1fr);border-top:1px solid var(--hair);padding:8px 0 14px}
.leaves li{padding:2px 16px 0}
.big{font-size:1.9rem;margin:2px 0 0}
section{padding:16px}
section.flow{padding:0}
.scroll{margin:0 -16px;padding:0 16px}
}
`;
