"use strict";
// Plots in the colours of the theme, which keys move and zoom. For the page of a report and for the local page alike.
const resonetPlots = (() => {
  const root = document.documentElement;
  const wanted = window.matchMedia("(prefers-color-scheme: dark)");
  const button = document.getElementById("theme");
  const specs = new Map();

  const remembered = () => { try { return localStorage.getItem("resonet-theme"); } catch { return null; } };
  const remember = (theme) => { try { localStorage.setItem("resonet-theme", theme); } catch { /* of a file, not kept */ } };
  const isDark = () => (root.dataset.theme ? root.dataset.theme === "dark" : wanted.matches);

  function coloured(value, styles) {
    if (typeof value === "string") return value.startsWith("@") ? styles.getPropertyValue("--" + value.slice(1)).trim() : value;
    if (Array.isArray(value)) return value.every((one) => typeof one === "number") ? value : value.map((one) => coloured(one, styles));
    if (value && typeof value === "object") {
      return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, coloured(one, styles)]));
    }
    return value;
  }

  function themed(div) {
    const styles = getComputedStyle(root);
    const { data, layout } = coloured(specs.get(div), styles);
    const ink = styles.getPropertyValue("--ink").trim(), grid = styles.getPropertyValue("--grid").trim();
    const card = styles.getPropertyValue("--card").trim(), soft = styles.getPropertyValue("--soft").trim();
    const narrow = div.clientWidth < 480;
    const axes = { gridcolor: grid, linecolor: soft, tickcolor: soft, ticks: "outside", ticklen: 4 };
    for (const trace of data) {
      if (trace.type === "heatmap") {
        const above = { orientation: "h", x: 0.5, y: 1.01, yanchor: "bottom", thickness: 12, len: 1, ticklabelposition: "outside top" };
        trace.colorbar = { ...above, tickfont: { color: ink }, outlinewidth: 0, ...trace.colorbar };
        trace.colorbar.title = { font: { color: ink, size: 11 }, side: "top", ...trace.colorbar.title };
      }
    }
    const base = {
      autosize: true, paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", hovermode: "closest",
      font: { color: ink, family: "system-ui, 'Segoe UI', 'DejaVu Sans', sans-serif", size: narrow ? 11 : 13 },
      margin: { l: 60, r: 16, t: 14, b: 50 },
      hoverlabel: { bgcolor: card, bordercolor: soft, font: { color: ink } },
      legend: { orientation: "h", x: 0, xanchor: "left", y: -0.22, yanchor: "top" },
      ...layout,
    };
    for (const name of ["xaxis", "yaxis"]) if (base[name]) base[name] = { ...axes, ...base[name] };
    if (base.smith) {
      base.smith = { bgcolor: "rgba(0,0,0,0)", realaxis: { gridcolor: grid, linecolor: soft }, imaginaryaxis: { gridcolor: grid, linecolor: soft } };
      base.margin = { l: 40, r: 40, t: 30, b: 40 };
    }
    return [data, base];
  }

  const draw = (div) => Plotly.react(div, ...themed(div), { responsive: true, displayModeBar: false, doubleClick: "reset" });

  async function drawOne(div) {
    try { await draw(div); } catch (error) { div.textContent = "This plot could not be drawn."; console.error(div.id, error); }
  }

  let turn = 0;
  async function drawAll() {
    const mine = ++turn;
    root.removeAttribute("data-drawn");
    for (const div of [...specs.keys()]) {
      if (mine !== turn) return;
      if (specs.has(div)) await drawOne(div);
      await new Promise((next) => setTimeout(next));
    }
    root.dataset.drawn = String(specs.size);
  }

  function label() {
    button.textContent = isDark() ? "Light theme" : "Dark theme";
  }

  function choose(theme) {
    if (theme) root.dataset.theme = theme; else delete root.dataset.theme;
    label();
    return drawAll();
  }

  // Keys: + and - zoom, arrows move, 0 shows all again.
  function moved(range, by, zoom) {
    const middle = (range[0] + range[1]) / 2, half = (range[1] - range[0]) / 2;
    return [middle + by * half - half * zoom, middle + by * half + half * zoom];
  }
  const KEYS = { "+": [0, 0, 0.8], "=": [0, 0, 0.8], "-": [0, 0, 1.25], ArrowLeft: [-0.2, 0, 1], ArrowRight: [0.2, 0, 1], ArrowUp: [0, 0.2, 1], ArrowDown: [0, -0.2, 1] };
  function keys(event) {
    const div = event.currentTarget, full = div._fullLayout;
    if (!full || !full.xaxis || event.ctrlKey || event.altKey || event.metaKey) return;
    if (event.key === "0") { event.preventDefault(); draw(div); return; }
    const step = KEYS[event.key];
    if (!step) return;
    event.preventDefault();
    Plotly.relayout(div, { "xaxis.range": moved(full.xaxis.range, step[0], step[2]), "yaxis.range": moved(full.yaxis.range, step[1], step[2]) });
  }

  // A plot, or another one in its place; it is drawn by drawOne or drawAll.
  function set(div, spec) {
    if (!specs.has(div)) div.addEventListener("keydown", keys);
    specs.set(div, spec);
  }

  function drop(div) {
    specs.delete(div);
    div.removeEventListener("keydown", keys);
    Plotly.purge(div);
  }

  // Every plot whose data stand in an element of JSON below `place`.
  function collect(place) {
    const found = [];
    for (const element of place.querySelectorAll("script[data-of]")) {
      const div = document.getElementById(element.dataset.of);
      set(div, JSON.parse(element.textContent));
      found.push(div);
    }
    return found;
  }

  let before = null;
  window.addEventListener("beforeprint", () => {
    before = root.dataset.theme || "";
    root.dataset.theme = "light";
    turn += 1;
    for (const div of specs.keys()) {
      const [data, layout] = themed(div);
      Plotly.react(div, data, { ...layout, autosize: false, width: 660, height: div.closest(".square") ? 430 : 330 }, { displayModeBar: false, staticPlot: true });
    }
  });
  window.addEventListener("afterprint", () => { if (before !== null) choose(before); before = null; });

  const kept = remembered();
  if (kept === "dark" || kept === "light") root.dataset.theme = kept;
  button.hidden = false;
  button.addEventListener("click", () => { const theme = isDark() ? "light" : "dark"; remember(theme); choose(theme); });
  wanted.addEventListener("change", () => { if (!root.dataset.theme) { label(); drawAll(); } });
  if (window.matchMedia("(max-width: 60rem)").matches) document.getElementById("contents").open = false;
  label();
  return { collect, drawAll, drawOne, drop, set };
})();
