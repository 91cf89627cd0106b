"use strict";
// Live pages: the time goes on, what is typed and opened stays, the line's state is said, traffic is drawn.
(() => {
  // The server's time: countdowns go by it, whatever this computer thinks (a drill's clock may run ahead).
  let offset = Date.parse(document.body.dataset.now) - Date.now();
  const length = (seconds) => {
    const s = Math.round(Math.abs(seconds));
    if (s < 60) return `${s} s`;
    if (s < 3600) return `${Math.floor(s / 60)} min${s < 600 && s % 60 ? ` ${s % 60} s` : ""}`;
    if (s < 86400) return `${Math.floor(s / 3600)} h${s % 3600 >= 60 ? ` ${Math.floor(s % 3600 / 60)} min` : ""}`;
    const days = Math.floor(s / 86400), hours = Math.floor(s % 86400 / 3600);
    return `${days} day${days === 1 ? "" : "s"}${hours ? ` ${hours} h` : ""}`;
  };
  const tick = () => {
    const now = Date.now() + offset;
    for (const time of document.querySelectorAll("time.moving")) {
      const until = time.dataset.until, left = (Date.parse(until || time.dataset.ago) - now) / 1000;
      const text = until ? (left > 0 ? `in ${length(left)}` : "now") : (left < -1 ? `${length(left)} ago` : "now");
      if (time.textContent !== text) time.textContent = text;
    }
  };
  tick(); setInterval(tick, 1000);

  // What is typed, opened and focused outlives the swap of what is around it.
  const fields = "input[id]:not([type=checkbox]):not([type=hidden]), textarea[id], select[id]";
  let kept = null;
  const keep = () => {
    if (kept) return;
    const active = document.activeElement;
    kept = {
      values: [...document.querySelectorAll(fields)].filter((f) => f.value !== (f.defaultValue ?? "")).map((f) => [f.id, f.value, f]),
      open: [...document.querySelectorAll("details[id]")].map((d) => [d.id, d.open, d]),
      focus: active && active.id ? [active.id, active.selectionStart, active.selectionEnd, active] : null,
    };
  };
  const restore = () => {
    if (!kept) return;
    const was = kept; kept = null;
    // Only what was replaced: who types on while the rest settles must not be put back.
    for (const [id, open, before] of was.open) { const found = document.getElementById(id); if (found && found !== before && found.open !== open) found.open = open; }
    for (const [id, value, before] of was.values) { const found = document.getElementById(id); if (found && found !== before && found.value !== value) found.value = value; }
    if (was.focus) {
      const found = document.getElementById(was.focus[0]);
      if (found && found !== was.focus[3] && document.activeElement !== found) {
        found.focus({ preventScroll: true });
        if (was.focus[1] != null && found.setSelectionRange) try { found.setSelectionRange(was.focus[1], was.focus[2]); } catch { /* not a text */ }
      }
    }
    drawn();
  };
  const swapping = (event) => { if (event.detail.shouldSwap && event.detail.xhr.status < 400) keep(); };
  document.addEventListener("htmx:sseBeforeMessage", keep);
  document.addEventListener("htmx:sseMessage", restore);
  document.addEventListener("htmx:beforeSwap", swapping);
  document.addEventListener("htmx:oobBeforeSwap", keep);
  document.addEventListener("htmx:afterSettle", () => restore());

  // A form that was taken is empty again; one that was not keeps what was typed and says why beside the button.
  document.addEventListener("htmx:afterRequest", (event) => {
    const form = event.detail.elt.closest && event.detail.elt.closest("form.act");
    if (!form) return;
    const place = form.querySelector(".said");
    if (event.detail.successful) {
      const now = document.getElementById(form.id);
      for (const one of [form, now]) if (one) { one.reset(); for (const field of one.querySelectorAll("input[type=text], textarea")) field.value = ""; const fold = one.closest("details.change"); if (fold) fold.open = false; }
      kept = null;
      if (place) place.replaceChildren();
    } else if (place && ![409, 422].includes(event.detail.xhr.status)) {
      const why = { 0: "The server cannot be reached. Nothing was lost of what you typed: try again.", 401: "You are signed out. Open the page in another tab, sign in, and try again.", 403: "This is not allowed, or the page is out of date: load it again." };
      const line = document.createElement("p");
      line.className = "refused";
      line.textContent = why[event.detail.xhr.status] || `The server answered ${event.detail.xhr.status}: try again.`;
      place.replaceChildren(line);
    }
  });

  // Whether the line to the server stands.
  const state = document.getElementById("live-state");
  const say = (text, cut) => { if (!state) return; state.hidden = false; if (state.textContent !== text) state.textContent = text; state.classList.toggle("cut", cut); };
  const watched = new WeakSet();
  let heard = 0;
  document.addEventListener("htmx:sseOpen", (event) => {
    heard = Date.now(); say("live", false);
    const source = event.detail.source;
    if (watched.has(source)) return;
    watched.add(source);
    source.addEventListener("clock", (message) => { heard = Date.now(); offset = Date.parse(message.data) - Date.now(); say("live", false); tick(); });
  });
  document.addEventListener("htmx:sseError", () => say("not live: trying again", true));
  setInterval(() => { if (heard && Date.now() - heard > 12000) say("not live: trying again", true); }, 3000);

  // Traffic: uPlot where it is, the drawing from the server where it is not.
  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const plots = new Map();
  const traffic = () => {
    for (const [figure, plot] of plots) if (!figure.isConnected) { plot.destroy(); plots.delete(figure); }
    if (typeof uPlot === "undefined") return;
    for (const figure of document.querySelectorAll("figure.plot")) {
      if (plots.has(figure)) continue;
      const data = JSON.parse(figure.querySelector("data.traffic").textContent);
      if (data.t.length < 2) continue;
      const plain = figure.querySelector(".plain-plot");
      plain.hidden = true;
      const place = document.createElement("div");
      plain.after(place);
      const local = (at) => { const d = uPlot.tzDate(new Date(at * 1000), data.zone); return [`${d.getDate()} ${d.toLocaleString("en", { month: "short" })}`, `${String(d.getHours()).padStart(2, "0")}:${String(d.getMinutes()).padStart(2, "0")}`]; };
      const axis = { stroke: () => colour("--soft"), grid: { stroke: () => colour("--grid"), width: 1 }, ticks: { show: false }, font: "11px system-ui, sans-serif" };
      const marks = (u) => {
        for (const mark of data.marks) {
          const x = u.valToPos(mark.t, "x", true);
          if (x < u.bbox.left || x > u.bbox.left + u.bbox.width) continue;
          u.ctx.save(); u.ctx.strokeStyle = u.ctx.fillStyle = colour(`--${mark.kind}`); u.ctx.lineWidth = devicePixelRatio; u.ctx.setLineDash(mark.kind === "change" ? [5, 3] : []);
          u.ctx.beginPath(); u.ctx.moveTo(x, u.bbox.top); u.ctx.lineTo(x, u.bbox.top + u.bbox.height); u.ctx.stroke(); u.ctx.restore();
        }
      };
      plots.set(figure, new uPlot({
        width: figure.clientWidth, height: 170, cursor: { y: false }, legend: { show: true, live: true },
        tzDate: (at) => uPlot.tzDate(new Date(at * 1000), data.zone),
        scales: { y: { range: (u, low, high) => [0, Math.max(1, high * 1.08)] } },
        axes: [{ ...axis, size: 26, values: (u, at) => at.map((one) => { const [day, time] = local(one); return time === "00:00" ? day : time; }) }, { ...axis, size: 54 }],
        series: [{ label: "hour", value: (u, at) => at == null ? "–" : local(at).join(", ") }, { label: "events", stroke: () => colour("--ember"), fill: () => colour("--reach"), width: 1.5, paths: uPlot.paths.stepped({ align: 1 }), points: { show: false } }],
        hooks: { draw: [marks] },
      }, [data.t, data.n], place));
    }
  };
  addEventListener("resize", () => { for (const [figure, plot] of plots) plot.setSize({ width: figure.clientWidth, height: 170 }); });
  document.getElementById("theme").addEventListener("click", () => { for (const plot of plots.values()) plot.redraw(); });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { for (const plot of plots.values()) plot.redraw(); });

  // Entries that came while one looks are shown as new; drawings get their tooltips.
  let last = Math.max(0, ...[...document.querySelectorAll("[data-seq]")].map((e) => +e.dataset.seq));
  function drawn() {
    traffic(); tick();
    for (const entry of document.querySelectorAll("[data-seq]")) if (+entry.dataset.seq > last) entry.classList.add("new");
    last = Math.max(last, ...[...document.querySelectorAll("[data-seq]")].map((e) => +e.dataset.seq));
    const titled = document.querySelector("[data-title]");
    if (titled) document.title = titled.dataset.title;  // a tab in the background says what waits
    document.dispatchEvent(new CustomEvent("fireline:drawn"));
  }
  drawn();
})();
