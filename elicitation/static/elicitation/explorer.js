/* The explorer's page: filters that answer at once from what is loaded and then with their own ranks from the server,
 * search, the time slider, and the panel of what stands behind a value or an edge. Without this script the page is a
 * form, a still picture, links and tables that say the same. */
"use strict";

(() => {
  const byId = (id) => document.getElementById(id);
  const view = byId("view"), form = byId("filters");
  if (!view) return;
  const { scene, base } = view.dataset, scenes = new Map();
  let whole = null, latest = 0, returnTo = null;

  const say = (name, given = {}) => {
    byId("said").textContent = view.dataset[name].replace(/\{(\w+)\}/g, (_, key) => given[key]);
  };
  const query = () => {
    const given = new URLSearchParams([...new FormData(form)].filter(([, value]) => value)).toString();
    return given ? `?${given}` : "";
  };

  /* Two canvases that move together; the second is seen where two groups are compared. */
  const views = [0, 1].map((number) => new window.GraphView(byId(`sheet-${number}`), {
    over: (node, edge, x, y) => tip(views[number], node, edge, x, y),
    open: (node, edge) => open(views[number], node, edge),
    moved: (one) => views.forEach((other) => { if (other !== one) { Object.assign(other.zoom, one.zoom); other.canvas.classList.toggle("zoomed", one.zoom.k > 1); other.ask(); } }),
    chosen: (node) => {
      views.forEach((one) => { if (one.base) one.select(node); });
      if (node >= 0) byId("said").textContent = views[number].about(node, -1);
    },
  }));

  const tip = (one, node, edge, x, y) => {
    const shown = byId("tip");
    shown.hidden = node < 0 && edge < 0;
    if (shown.hidden) return;
    shown.textContent = one.about(node, edge);
    const left = Math.min(x + 14, document.documentElement.clientWidth - shown.offsetWidth - 8);
    shown.style.left = `${Math.max(8, left)}px`;
    shown.style.top = `${y + 18}px`;
  };

  const load = async (wanted) => {
    if (!scenes.has(wanted)) {
      const answer = await fetch(scene + wanted);
      if (!answer.ok) throw new Error(String(answer.status));
      scenes.set(wanted, await answer.json());
    }
    return scenes.get(wanted);
  };

  const named = (option) => [option.closest("optgroup")?.label, option.textContent].filter(Boolean).join(" ");

  const show = (found) => {
    const apart = new Set(found.differences.filter((one) => one.apart).map((one) => one.at));
    const two = found.graphs.length > 1;
    byId("sheet-1").parentElement.hidden = !two;
    byId("group-0").hidden = !two;
    view.classList.toggle("two", two);
    found.graphs.forEach((graph, number) => views[number].show(whole, graph, null, apart));
    if (!two) views[1].base = null;
    else for (const [number, name] of [[0, "group"], [1, "versus"]]) byId(`group-${number}`).textContent = named(form.elements[name].selectedOptions[0]);
    const [graph] = found.graphs;
    if (!graph.votes) say("saidEmpty");
    else say("saidWhole", { votes: graph.votes, people: graph.participants, values: graph.values.at.length, edges: graph.edges.from.length });
  };

  /* At once: the edges of the whole with votes in the filter, from what is loaded. */
  const preview = () => {
    const chosen = ["context", "case", "group"].filter((name) => form.elements[name]?.value);
    const graph = whole.graphs[0];
    if (!chosen.length || !whole.marks) return;
    const wanted = chosen.map((name) => [whole.marks[name].edges, whole.marks[name].options.indexOf(form.elements[name].value)]);
    const part = graph.edges.from.map((_, row) => wanted.every(([edges, option]) => edges[row].includes(option)));
    views[0].show(whole, graph, part);
    say("saidPart", { count: part.filter(Boolean).length, all: part.length });
  };

  const refresh = async () => {
    const wanted = query(), turn = ++latest;
    preview();
    try {
      const found = await load(wanted);
      if (turn !== latest) return;
      show(found);
      history.replaceState(null, "", base + wanted);
      if (!byId("panel").hidden) again();
      await rest(wanted, turn);
    } catch {
      if (turn === latest) say("saidFailed");
    }
  };

  /* Numbers, links and tables around the picture, from the page that the address leads to. */
  const rest = async (wanted, turn) => {
    const answer = await fetch(base + wanted);
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    if (turn !== latest) return;
    for (const id of ["counted", "downloads", "to-tables", "tables"]) {
      const fresh = page.getElementById(id);
      if (fresh) byId(id).replaceChildren(...fresh.childNodes);
      else byId(id).replaceChildren();
    }
    view.dataset.answered = wanted;
  };

  /* What stands behind a value or an edge, beside the picture. */
  const open = (one, node, edge) => {
    const code = (at) => encodeURIComponent(whole.values.code[at]);
    const path = node >= 0 ? `value/${code(node)}/` : `pair/${code(one.graph.edges.from[edge])}/${code(one.graph.edges.to[edge])}/`;
    returnTo = one.canvas;
    panel(base + path + query(), true);
  };
  /* What is opened is a step of the browser's history: back leads to what was open before, then to the graph alone. */
  const panel = async (address, step = false) => {
    const answer = await fetch(address, { headers: { "HX-Request": "true" } });
    if (!answer.ok) { say("saidFailed"); return false; }
    if (step) history.pushState({ panel: address }, "");
    byId("behind").innerHTML = await answer.text();
    byId("panel").hidden = false;
    byId("panel").dataset.address = address;
    byId("panel").scrollTop = 0;
    byId("behind").querySelector("h2").focus();
    return true;
  };
  const close = () => {
    byId("panel").hidden = true;
    if (history.state?.panel) history.replaceState(null, "");
    (returnTo || byId("sheet-0")).focus();
  };
  /* Another filter: the same value or edge under it, or nothing where nobody voted on it. */
  const again = async () => {
    const focused = document.activeElement;
    const [path] = byId("panel").dataset.address.split("?");
    if (!await panel(path + query())) { byId("panel").hidden = true; return; }
    focused.focus({ preventScroll: true });
  };
  window.addEventListener("popstate", (event) => {
    if (event.state?.panel) panel(event.state.panel);
    else if (!byId("panel").hidden) close();
  });
  byId("close").addEventListener("click", close);
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    byId("tip").hidden = true;
    if (!byId("panel").hidden) close();
    else views.forEach((one) => { if (one.base) one.select(-1); });
  });
  view.addEventListener("click", (event) => {
    const link = event.target.closest("#behind a");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey || !/\/(value|pair)\//.test(link.pathname)) return;
    event.preventDefault();
    panel(link.href, true);
  });

  /* Search: what is found is framed; Enter goes from one to the next. */
  const find = byId("find");
  let matches = [];
  find.addEventListener("input", () => {
    const words = find.value.trim().toLowerCase();
    matches = words ? views[0].shown().filter((node) => whole.values.title[node].toLowerCase().includes(words)) : [];
    views.forEach((one) => { one.found = new Set(matches); if (one.base) one.ask(); });
    byId("found").textContent = !words ? "" : matches.length ? view.dataset.saidFound.replace("{count}", matches.length) : view.dataset.saidNone;
  });
  find.addEventListener("keydown", (event) => {
    if (event.key !== "Enter") return;
    event.preventDefault();
    if (matches.length) views[0].told.chosen(matches[(matches.indexOf(views[0].selected) + 1) % matches.length]);
  });

  for (const [id, factor] of [["in", 1.5], ["out", 1 / 1.5], ["all", 0]]) byId(id).addEventListener("click", () => views[0].closer(factor));

  /* A second group is another answer to the first one's question. */
  const pairable = () => {
    const { group, versus } = form.elements;
    if (!versus) return;
    const question = group.value.split(":")[0];
    for (const option of versus.options) option.disabled = Boolean(option.value) && (!group.value || option.value === group.value || option.value.split(":")[0] !== question);
    if (versus.selectedOptions[0]?.disabled) versus.value = "";
    versus.disabled = !group.value;
  };

  const time = byId("time"), until = form.elements.until;
  if (time && until.options.length > 2) {
    const stops = [...until.options].slice(1, -1).map((option) => option.value);
    const told = () => { byId("time-said").textContent = until.value ? until.selectedOptions[0].textContent : view.dataset.saidEnd; };
    let soon = 0;
    time.max = stops.length;
    time.value = until.value ? stops.indexOf(until.value) : stops.length;
    time.closest("p").hidden = false;
    until.closest("p").hidden = true;
    told();
    time.addEventListener("input", () => {
      until.value = stops[time.value] ?? "";
      told();
      clearTimeout(soon);
      soon = setTimeout(refresh, 120);
    });
  }
  form.addEventListener("change", (event) => { if (event.target !== time) { pairable(); refresh(); } });
  form.addEventListener("submit", (event) => { event.preventDefault(); refresh(); });

  (async () => {
    try {
      whole = await load("");
      view.hidden = false;
      byId("still").hidden = true;
      pairable();
      form.querySelector("button").closest("p").hidden = true;
      show(await load(view.dataset.query));
      view.dataset.ready = "yes";
    } catch {
      view.hidden = true;
      byId("still").hidden = false;
    }
  })();
})();
