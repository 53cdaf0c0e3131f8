"use strict";
// The local page: follows the folder by its events, asks for a chain and for what becomes of it with a change.
(() => {
  const $ = (id) => document.getElementById(id);
  const root = document.documentElement;
  history.replaceState(null, "", location.pathname + location.hash); // the token leaves the address

  async function ask(path, values = []) {
    const query = new URLSearchParams(values).toString();
    const answer = await fetch(path + (query ? "?" + query : ""), { credentials: "same-origin", cache: "no-store" });
    const type = answer.headers.get("content-type") || "";
    const found = type.startsWith("application/json") ? await answer.json() : { error: (await answer.text()).slice(0, 300) };
    if (!answer.ok) throw new Error(found.error || answer.statusText);
    return found;
  }

  // Only the last of several questions of a kind is asked and shown.
  function last(question, show, failed) {
    let running = false, again = null;
    return async function run(...values) {
      if (running) { again = values; return; }
      running = true;
      try { const found = await question(...values); if (!again) await show(found, ...values); }
      catch (error) { if (!again) failed(error); }
      running = false;
      if (again) { const next = again; again = null; await run(...next); }
    };
  }

  function say(id, text) {
    const element = $(id);
    if (element.textContent !== text) element.textContent = text;
    if (element.classList.contains("banner")) element.hidden = !text;
  }

  function options(select, values, kept = select.value) {
    const pairs = values.map((one) => (Array.isArray(one) ? one : [one, one]));
    const now = JSON.stringify(pairs);
    if (select.dataset.values !== now) {
      select.dataset.values = now;
      select.replaceChildren(...pairs.map(([value, text]) => new Option(text, value)));
    }
    if (pairs.some(([value]) => value === kept)) select.value = kept;
  }

  function fill(table, heads, rows) {
    const cell = (kind, text, scope) => { const one = document.createElement(kind); one.textContent = text; if (scope) one.scope = scope; return one; };
    const line = (cells) => { const row = document.createElement("tr"); row.append(...cells); return row; };
    table.tHead.replaceChildren(line(heads.map((text) => cell("th", text, "col"))));
    table.tBodies[0].replaceChildren(...rows.map(([name, ...values]) => line([cell("th", name, "row"), ...values.map((text, n) => {
      const one = cell("td", text);
      if (n && text !== values[0]) one.className = "moved";
      return one;
    })])));
  }

  async function draw(plots) {
    for (const plot of plots) {
      const div = $(plot.name);
      $(plot.name + "-title").textContent = plot.title;
      div.setAttribute("aria-label", plot.title + ". " + plot.alt);
      resonetPlots.set(div, plot.spec);
      await resonetPlots.drawOne(div);
    }
  }

  // The studies under way.
  const studyShown = last(
    (values) => ask("/study", values),
    async (found) => {
      options($("quantity"), found.quantities, found.quantity);
      if (found.plots.length) await draw(found.plots);
      root.dataset.study = found.version;
    },
    () => { root.dataset.study = "none"; },
  );

  function lasting(seconds) {
    if (seconds === null) return "";
    return seconds < 90 ? `, ${Math.ceil(seconds)} s left` : seconds < 5400 ? `, ${Math.ceil(seconds / 60)} min left` : `, ${(seconds / 3600).toFixed(1)} h left`;
  }

  function card(study) {
    let box = document.querySelector(`[data-study="${CSS.escape(study.name)}"]`);
    if (!box) {
      box = document.createElement("div");
      box.className = "study";
      box.dataset.study = study.name;
      const title = document.createElement("p"), bar = document.createElement("progress"), note = document.createElement("p");
      note.className = "note";
      bar.setAttribute("aria-label", study.name);
      box.append(title, bar, note);
      $("studies").prepend(box);
    }
    const [title, bar, note] = box.children;
    title.textContent = `${study.kind}: ${study.done} of ${study.count || "?"} ${study.points}`;
    bar.max = study.count || 1;
    bar.value = study.done;
    const failed = study.failed ? `, ${study.failed} failed` : "";
    const broken = study.broken ? `, ${study.broken} damaged lines` : "";
    const done = study.state === "under way" ? `${study.running} computed now${lasting(study.left)}` : study.state === "ended" ? "its journal is closed" : "all points are there";
    note.textContent = study.problem || `${study.name}: ${done}${failed}${broken}`;
  }

  let versions = "";
  function showStudies(studies) {
    for (const box of [...$("studies").children]) if (!studies.some((one) => one.name === box.dataset.study)) box.remove();
    studies.forEach(card);
    const some = studies.filter((one) => one.done);
    $("live-none").hidden = studies.length > 0;
    $("live-body").hidden = some.length === 0;
    if (!some.length) return;
    const fresh = some.filter((one) => one.state === "under way");
    const shown = some.some((one) => one.name === $("study").value) ? $("study").value : (fresh[0] || some[0]).name;
    options($("study"), some.map((one) => one.name), shown);
    const now = some.map((one) => one.name + one.version).join();
    if (now !== versions) { versions = now; showStudy(); }
  }

  function showStudy() {
    const name = $("study").value, quantity = $("quantity").value;
    const known = $("quantity").dataset.of === name && quantity;
    $("quantity").dataset.of = name;
    studyShown(known ? [["name", name], ["quantity", quantity]] : [["name", name]]);
  }

  // The chain.
  let design = null;
  const changes = new Map();
  const layerNow = () => design.layers.find((one) => one.name === $("layer").value);
  const busNow = () => layerNow().buses.find((one) => one.name === $("bus").value);

  function ends() {
    options($("bus"), layerNow().buses.map((one) => [one.name, `${one.name}: ${one.chains} chains of ${one.size}`]));
    const bus = busNow();
    for (const [id, most] of [["number", bus.chains - 1], ["resonator", bus.size - 1]]) {
      $(id).max = most;
      if (Number($(id).value) > most) $(id).value = most;
    }
    const most = Math.min(bus.size, design.most);
    $("wave-resonators").max = most;
    if (Number($("wave-resonators").value) > most) $("wave-resonators").value = most;
  }

  function asked() {
    const values = [["layer", $("layer").value], ["bus", $("bus").value], ["chain", $("number").value], ["program", $("program").value], ["how", $("how").value]];
    for (const [name, value] of changes) values.push(["set", `${name}=${value}`]);
    if ($("shift").value.trim()) values.push(["shift", `${$("resonator").value}:${$("shift").value.trim()}`]);
    return values;
  }

  const chainShown = last(
    () => ask("/chain", [...asked(), ["resonator", $("resonator").value], ["bias", $("bias").value]]),
    async (found) => {
      say("chain-error", "");
      fill($("figures"), ["quantity", ...found.states], found.figures);
      $("one").caption.textContent = `Resonator ${found.picked}`;
      fill($("one"), ["quantity", ...found.states], found.resonator);
      $("chain-warnings").replaceChildren(...found.warnings.map((one) => { const item = document.createElement("li"); item.textContent = `[${one.code}] ${one.text}`; return item; }));
      await draw(found.plots);
      picks();
      say("chain-said", `${found.title}: linear engine, ${(1000 * found.seconds).toFixed(0)} ms`);
      $("chain-body").classList.remove("busy");
      root.dataset.chain = String(Number(root.dataset.chain || 0) + 1);
    },
    (error) => { say("chain-error", error.message); $("chain-body").classList.remove("busy"); root.dataset.chain = String(Number(root.dataset.chain || 0) + 1); },
  );

  // A mark of a tone that is clicked picks its resonator.
  function picks() {
    for (const name of ["chain-weights", "chain-errors", "chain-detuning"]) {
      const div = $(name);
      if (div.dataset.picks) continue;
      div.dataset.picks = "yes";
      div.on("plotly_click", (event) => { $("resonator").value = event.points[0].x; showChain(); });
    }
  }

  function showChain() {
    if (!design || !design.layers.length) return;
    $("chain-body").classList.add("busy");
    chainShown();
  }

  function meaning() {
    const one = design.parameters.find((each) => each.name === $("parameter").value);
    if (!one) return;
    $("value").value = changes.get(one.name) ?? one.value;
    say("meaning", `${one.doc}; ${one.possible}; now ${one.value}${one.anew ? "; planned and programmed anew only" : ""}`);
    if (one.anew) $("how").value = "anew";
  }

  function listChanges() {
    $("changes").replaceChildren(...[...changes].map(([name, value]) => {
      const item = document.createElement("li"), button = document.createElement("button");
      button.type = "button";
      button.textContent = `${name} = ${value} ✕`;
      button.setAttribute("aria-label", `Take back ${name} = ${value}`);
      button.addEventListener("click", () => { changes.delete(name); listChanges(); $("add").focus(); showChain(); });
      item.append(button);
      return item;
    }));
  }

  function add() {
    const one = design.parameters.find((each) => each.name === $("parameter").value);
    const value = $("value").value.trim();
    if (!one || !value) return;
    if (value === one.value) changes.delete(one.name); else changes.set(one.name, value);
    listChanges();
    showChain();
  }

  const designShown = last(
    () => ask("/design"),
    (found) => {
      design = found;
      const some = found.layers.length > 0;
      $("chain-body").hidden = !some;
      $("chain-none").hidden = some;
      say("chain-none", some ? "" : `No layer stands on buses: ${found.lines.join(", ")} on strip lines.`);
      if (!some) return;
      options($("layer"), found.layers.map((one) => [one.name, `${one.name} (${one.kind})`]));
      options($("program"), found.programs, $("program").value || found.programs[found.programs.length - 1]);
      options($("engine"), found.engines, $("engine").value || "fixed_step");
      options($("parameter"), found.parameters.map((one) => one.name));
      if (!$("bias").value) $("bias").value = found.bias;
      ends();
      meaning();
      showChain();
    },
    (error) => { design = null; $("chain-body").hidden = true; $("chain-none").hidden = false; say("chain-none", error.message); },
  );

  const waveShown = last(
    () => ask("/wave", [...asked(), ["activation", $("activation").value], ["resonators", $("wave-resonators").value], ["engine", $("engine").value]]),
    async (found) => {
      $("wave-body").hidden = false;
      await draw(found.plots);
      say("wave-said", `${found.plots[1].alt} ${found.engine}, ${found.seconds_engine} s.`);
      root.dataset.wave = String(Number(root.dataset.wave || 0) + 1);
    },
    (error) => { say("wave-said", error.message); root.dataset.wave = String(Number(root.dataset.wave || 0) + 1); },
  );

  // The report.
  const reportShown = last(
    () => ask("/report"),
    async (found) => {
      if (found.title) { $("title").textContent = found.title; document.title = `${found.title}: resonet view`; }
      $("subtitle").textContent = found.subtitle || "resonet view";
      const open = [...$("report").querySelectorAll("details[open] > summary")].map((one) => one.textContent);
      const at = window.scrollY;
      for (const div of $("report").querySelectorAll(".canvas")) resonetPlots.drop(div);
      $("report").innerHTML = found.html; // made by our own templates, which escape every name
      $("report-contents").innerHTML = found.contents;
      for (const one of $("report").querySelectorAll("details > summary")) if (open.includes(one.textContent)) one.parentElement.open = true;
      window.scrollTo({ top: at, behavior: "instant" });
      const divs = resonetPlots.collect($("report"));
      root.removeAttribute("data-drawn");
      for (const div of divs) {
        if (div.isConnected) await resonetPlots.drawOne(div);
        await new Promise((next) => setTimeout(next));
      }
      root.dataset.drawn = String(divs.length);
      root.dataset.report = found.version;
    },
    (error) => say("trouble", error.message),
  );

  // The events.
  let designVersion = -1, reportVersion = -1;
  function heed(state) {
    $("link").className = "on";
    say("link", "live");
    say("problem", state.problem);
    say("trouble", state.trouble && !state.problem ? state.trouble : "");
    showStudies(state.studies);
    if (state.design !== designVersion) { designVersion = state.design; designShown(); }
    if (state.report !== reportVersion && state.report > 0) { reportVersion = state.report; reportShown(); }
  }
  const events = new EventSource("/events");
  events.addEventListener("message", (event) => heed(JSON.parse(event.data)));
  events.addEventListener("error", () => { $("link").className = "lost"; say("link", "the server has ended"); });

  for (const id of ["layer", "bus"]) $(id).addEventListener("change", () => { ends(); showChain(); });
  for (const id of ["number", "program", "resonator", "bias", "how", "shift"]) $(id).addEventListener("change", showChain);
  $("pick").addEventListener("submit", (event) => event.preventDefault());
  $("parameter").addEventListener("change", meaning);
  $("value").addEventListener("keydown", (event) => { if (event.key === "Enter") { event.preventDefault(); add(); } });
  $("add").addEventListener("click", add);
  $("reset").addEventListener("click", () => { changes.clear(); $("shift").value = ""; $("how").value = "built"; listChanges(); meaning(); showChain(); });
  $("play").addEventListener("click", () => { say("wave-said", "Simulating, some seconds."); waveShown(); });
  $("study").addEventListener("change", showStudy);
  $("quantity").addEventListener("change", showStudy);
})();
