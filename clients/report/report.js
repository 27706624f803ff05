/* Draws the charts of #charts-data; again whenever a choice, the scheme or the width changes. */
"use strict";
const charts = JSON.parse(document.getElementById("charts-data").textContent);
const chosen = new Map(charts.map((chart) => [chart.id, 0]));
const system = matchMedia("(prefers-color-scheme: dark)");

const isNarrow = () => innerWidth <= 600;

function layoutOf(chart) {
  const style = getComputedStyle(document.documentElement);
  const colour = (name) => style.getPropertyValue(name).trim();
  const layout = structuredClone(chart.choices[chosen.get(chart.id)].layout);
  for (const axis of [layout.xaxis, layout.yaxis])
    Object.assign(axis, { gridcolor: colour("--line"), linecolor: colour("--line"), zerolinecolor: colour("--line"), automargin: true });
  for (const shape of layout.shapes ?? [])
    shape.line.color = colour("--fore");
  return Object.assign(layout, {
    paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", font: { color: colour("--fore"), size: isNarrow() ? 11 : 13 },
    margin: { l: 56, r: 8, t: 8, b: 40 }, showlegend: true,
    legend: isNarrow() ? { orientation: "h", y: -0.2, yanchor: "top" } : { orientation: "h", y: 1.02, yanchor: "bottom" },
  });
}

function draw(chart) {
  const data = structuredClone(chart.choices[chosen.get(chart.id)].data);
  return Plotly.react(chart.id, data, layoutOf(chart), { responsive: true, displaylogo: false, displayModeBar: false });
}

function setScheme(dark) {
  document.documentElement.dataset.scheme = dark ? "dark" : "light";
  return Promise.all(charts.map(draw)).then(() => { document.documentElement.dataset.drawn = charts.length; });
}

document.getElementById("scheme").addEventListener("click", () => setScheme(document.documentElement.dataset.scheme !== "dark"));
system.addEventListener("change", () => setScheme(system.matches));
matchMedia("(max-width: 600px)").addEventListener("change", () => charts.forEach(draw));
for (const select of document.querySelectorAll("select[data-for]"))
  select.addEventListener("change", () => {
    chosen.set(select.dataset.for, Number(select.value));
    draw(charts.find((chart) => chart.id === select.dataset.for));
  });
setScheme(system.matches);
