"use strict";
(() => {
  const root = document.documentElement;
  const keep = (value) => { try { if (value) localStorage.setItem("fireline-theme", value); return localStorage.getItem("fireline-theme"); } catch { return null; } };
  const dark = () => root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  const asked = /theme=(dark|light)/.exec(location.hash);
  const kept = asked ? asked[1] : keep();
  if (kept === "dark" || kept === "light") root.dataset.theme = kept;
  document.getElementById("theme").addEventListener("click", () => { root.dataset.theme = dark() ? "light" : "dark"; keep(root.dataset.theme); });

  // A link to an incident opens it, and paper shows everything.
  const open = () => {
    const target = location.hash.length > 1 && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    const fold = target && target.querySelector("details.fold");
    if (fold) { fold.open = true; target.scrollIntoView(); }
  };
  addEventListener("hashchange", open); open();
  let closed = [];
  addEventListener("beforeprint", () => { closed = [...document.querySelectorAll("details:not([open])")]; closed.forEach((d) => { d.open = true; }); });
  addEventListener("afterprint", () => closed.forEach((d) => { d.open = false; }));

  // The timeline shows only the groups that are ticked.
  const shows = [];
  for (const set of document.querySelectorAll(".filters")) {
    const list = document.querySelector(`[data-entries="${CSS.escape(set.dataset.for)}"]`);
    const show = () => {
      const wanted = new Set([...set.querySelectorAll("input:checked")].map((box) => box.value));
      let head = null, shown = 0;
      for (const item of list.children) {
        if (item.classList.contains("day-head")) { if (head) head.hidden = !shown; head = item; shown = 0; continue; }
        item.hidden = !wanted.has(item.dataset.group) || ("again" in item.dataset && !wanted.has("again"));
        if (!item.hidden) shown += 1;
      }
      if (head) head.hidden = !shown;
    };
    set.addEventListener("change", show);
    shows.push(show);
    show();
  }

  // Charts: the nearest tick is read out, by pointer or by the arrow keys.
  const tip = document.getElementById("tip");
  const figure = (value, unit) => value == null ? "–" : unit === "share" ? `${(100 * value).toPrecision(3)} %` : `${Number(value.toPrecision(4)).toLocaleString("en")}${unit && unit !== "AUC" ? ` ${unit}` : ""}`;
  const place = (x, y) => {
    tip.hidden = false;
    const box = tip.getBoundingClientRect();
    tip.style.left = `${Math.max(8, Math.min(x + 14, innerWidth - box.width - 8))}px`;
    tip.style.top = `${y - box.height - 14 < 8 ? y + 18 : y - box.height - 14}px`;
  };
  const hide = () => { tip.hidden = true; };
  const say = (lines) => {
    tip.replaceChildren(...lines.filter(Boolean).map(([name, text]) => {
      const row = document.createElement("div");
      if (name) { const label = document.createElement("span"); label.textContent = name; row.append(label); }
      const body = document.createElement(name ? "b" : "strong"); body.textContent = text; row.append(body);
      return row;
    }));
  };
  const wire = () => {
  for (const chart of document.querySelectorAll("svg.series:not([data-wired])")) {
    chart.dataset.wired = "";
    const data = JSON.parse(chart.closest("figure").querySelector(".numbers").textContent);
    const since = Date.parse(chart.dataset.from) / 1000, until = Date.parse(chart.dataset.until) / 1000;
    const x0 = +chart.dataset.x0, x1 = +chart.dataset.x1;
    const cursor = chart.querySelector(".cursor");
    const line = document.createElementNS("http://www.w3.org/2000/svg", "line");
    line.setAttribute("y1", chart.dataset.top); line.setAttribute("y2", chart.dataset.bottom);
    let index = -1;
    const show = (at) => {
      index = Math.max(0, Math.min(data.t.length - 1, at));
      const step = data.t.length > 1 ? data.t[1] - data.t[0] : 0;
      const x = x0 + (data.t[index] + step / 2 - since) / (until - since) * (x1 - x0);
      line.setAttribute("x1", x); line.setAttribute("x2", x);
      if (!line.isConnected) cursor.append(line);
      say([["", data.local[index]], ["seen", figure(data.seen[index], data.unit)], ["usual", figure(data.usual[index], data.unit)],
        data.low[index] != null && ["band", `${figure(data.low[index], data.unit)} to ${figure(data.high[index], data.unit)}`],
        data.n[index] != null && ["events", data.n[index].toLocaleString("en")]]);
      const box = chart.getBoundingClientRect();
      place(box.left + x / chart.viewBox.baseVal.width * box.width, box.top + 30);
    };
    const nearest = (event) => {
      const box = chart.getBoundingClientRect();
      const x = (event.clientX - box.left) / box.width * chart.viewBox.baseVal.width;
      const at = since + (x - x0) / (x1 - x0) * (until - since);
      let low = 0, high = data.t.length - 1;
      while (low < high) { const middle = (low + high + 1) >> 1; if (data.t[middle] <= at) low = middle; else high = middle - 1; }
      return low;
    };
    const leave = () => { hide(); line.remove(); };
    chart.addEventListener("pointermove", (event) => show(nearest(event)));
    chart.addEventListener("pointerleave", leave);
    chart.addEventListener("blur", leave);
    chart.addEventListener("keydown", (event) => {
      const steps = { ArrowLeft: -1, ArrowRight: 1, PageUp: -24, PageDown: 24 };
      if (event.key === "Escape") leave();
      else if (event.key === "Home" || event.key === "End") { show(event.key === "Home" ? 0 : data.t.length - 1); event.preventDefault(); }
      else if (steps[event.key]) { show((index < 0 ? data.t.length >> 1 : index) + steps[event.key]); event.preventDefault(); }
    });
  }
  // Marks, cells and spans: their title at once, not after the browser's pause.
  for (const part of document.querySelectorAll("svg.chart .mark, svg.chart .cell, svg.chart .span")) {
    if (part.dataset.told === "") continue;
    part.dataset.told = "";
    const title = part.querySelector("title");
    if (!title) continue;
    const text = title.textContent;
    part.addEventListener("pointermove", (event) => { event.stopPropagation(); say([["", text]]); place(event.clientX, event.clientY); });
    part.addEventListener("pointerleave", hide);
    part.addEventListener("pointerenter", () => title.remove(), { once: true });
  }
  };
  wire();
  // A live page swaps parts of itself: what came new is wired and filtered too.
  document.addEventListener("fireline:drawn", () => { wire(); for (const show of shows) show(); });
  addEventListener("scroll", hide, { passive: true });
})();
