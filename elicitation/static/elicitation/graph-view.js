/* One moral graph on one canvas: drawing with level of detail, zoom, what is under the pointer, and where arrow keys
 * lead. It knows nothing of the page. Sizes and places come from the server; here they only meet the canvas's size. */
"use strict";

const INK = "#1c2830", BLUE = "#1f5f7a", WARM = "#d9a520", PALE = "#9dbfcc", QUIET = "#8fa0aa", VIOLET = "#7a2f8f", PAPER = "#ffffff";
const MARGIN = 26, LABEL = 13, MOST_LABELS = 70, DASHES = 900, HEADS = 500, CLOSEST = 24;

class GraphView {
  /* told: {over(node, edge, x, y), open(node, edge), moved(view), chosen(node)} */
  constructor(canvas, told) {
    this.canvas = canvas;
    this.told = told;
    this.context = canvas.getContext("2d");
    this.zoom = { k: 1, x: 0, y: 0 };
    this.base = this.graph = this.part = null;
    this.selected = this.hover = -1;
    this.found = this.apart = new Set();
    this.asked = false;
    new ResizeObserver(() => this.resize()).observe(canvas);
    this.listen();
  }

  /* base: {width, height, values}; graph: one of a scene's graphs; part: per edge whether it is in the filter, or null */
  show(base, graph, part = null, apart = new Set()) {
    Object.assign(this, { base, graph, part, apart });
    const { at } = graph.values;
    this.place = new Map(at.map((node, row) => [node, row]));
    this.edges = graph.edges.from.map((from, row) => [from, graph.edges.to[row]]);
    this.kept = new Set();
    this.edges.forEach(([from, to], row) => { if (!part || part[row]) this.kept.add(from).add(to); });
    this.resize();
  }

  resize() {
    const { canvas } = this, ratio = window.devicePixelRatio || 1;
    const w = canvas.clientWidth, h = canvas.clientHeight;
    if (!w || !h || !this.base) return;
    canvas.width = Math.round(w * ratio);
    canvas.height = Math.round(h * ratio);
    const { width, height, values } = this.base;
    const sx = (w - 2 * MARGIN) / width, sy = (h - 2 * MARGIN - LABEL) / height;
    this.x = Float64Array.from(values.x, (x) => MARGIN + x * sx);
    this.y = Float64Array.from(values.y, (y) => MARGIN + y * sy);
    this.size = Math.max(0.35, Math.sqrt(sx * sy));
    this.paths = null;
    this.ask();
  }

  ask() {
    if (this.asked) return;
    this.asked = true;
    requestAnimationFrame(() => { this.asked = false; this.draw(); });
  }

  /* radius of a value in the unzoomed picture; `column` r, r_low or r_high */
  radius(node, column = "r") {
    const row = this.place.get(node);
    return row === undefined ? 2.5 : Math.max(1.2, this.graph.values[column][row] * this.size);
  }

  curve(row) {
    const [from, to] = this.edges[row], { x, y } = this;
    const dx = x[to] - x[from], dy = y[to] - y[from], length = Math.hypot(dx, dy) || 1;
    const mx = x[from] + dx / 2 - dy * 0.12, my = y[from] + dy / 2 + dx * 0.12;
    const end = Math.min(length / 2, Math.max(this.radius(to), this.radius(to, "r_high")) + 2);
    const back = Math.hypot(mx - x[to], my - y[to]) || 1;
    return [x[from], y[from], mx, my, x[to] + (mx - x[to]) / back * end, y[to] + (my - y[to]) / back * end];
  }

  /* The edges as a few paths: by width, by whether settled, and by whether in the filter. */
  build() {
    this.curves = this.edges.map((_, row) => this.curve(row));
    this.paths = new Map();
    const { width, settled } = this.graph.edges;
    this.curves.forEach((c, row) => {
      const within = !this.part || this.part[row];
      const key = `${within ? 1 : 0}|${settled[row]}|${Math.round(width[row] * 8) / 8}`;
      if (!this.paths.has(key)) this.paths.set(key, new Path2D());
      const path = this.paths.get(key);
      path.moveTo(c[0], c[1]);
      if (this.edges.length > DASHES) path.lineTo(c[4], c[5]); // a bend is not seen among thousands, and costs most
      else path.quadraticCurveTo(c[2], c[3], c[4], c[5]);
    });
  }

  draw() {
    if (!this.base || !this.x) return;
    if (!this.paths) this.build();
    const { context: c, zoom, canvas } = this, ratio = window.devicePixelRatio || 1;
    c.setTransform(1, 0, 0, 1, 0, 0);
    c.clearRect(0, 0, canvas.width, canvas.height);
    c.setTransform(ratio * zoom.k, 0, 0, ratio * zoom.k, ratio * zoom.x, ratio * zoom.y);
    const focus = this.selected >= 0 ? this.selected : this.hover;
    this.drawEdges(focus);
    this.drawNodes(focus);
    c.setTransform(ratio, 0, 0, ratio, 0, 0);
    this.drawLabels(focus);
    canvas.dataset.drawn = String(Number(canvas.dataset.drawn || 0) + 1);
    performance.mark("graph-drawn");
  }

  drawEdges(focus) {
    const { context: c, zoom } = this, many = this.edges.length > DASHES;
    const thin = this.size / Math.sqrt(zoom.k), ink = 0.55 - 0.25 * Math.min(1, this.edges.length / DASHES);
    c.strokeStyle = c.fillStyle = BLUE;
    for (const [key, path] of this.paths) {
      const [within, settled, width] = key.split("|").map(Number);
      if (!within && many) continue;
      c.globalAlpha = within ? (focus >= 0 ? 0.16 : ink) * (settled ? 1 : many ? 0.7 : 1) : 0.05;
      c.lineWidth = Math.max(0.5, width * thin);
      c.setLineDash(settled || many ? [] : [7 * this.size, 5 * this.size]);
      c.stroke(path);
    }
    c.setLineDash([]);
    const heads = this.edges.length <= HEADS;
    this.edges.forEach(([from, to], row) => {
      const own = from === focus || to === focus;
      if ((!own && !heads) || (this.part && !this.part[row])) return;
      c.globalAlpha = own ? 0.95 : focus >= 0 ? 0.16 : 0.6;
      if (own) this.stroke(row, Math.max(1, this.graph.edges.width[row] * thin * 1.2));
      this.head(this.curves[row]);
    });
    c.globalAlpha = 1;
  }

  stroke(row, width) {
    const { context: c } = this, k = this.curves[row];
    c.lineWidth = width;
    c.setLineDash(this.graph.edges.settled[row] ? [] : [7 * this.size, 5 * this.size]);
    c.beginPath();
    c.moveTo(k[0], k[1]);
    c.quadraticCurveTo(k[2], k[3], k[4], k[5]);
    c.stroke();
    c.setLineDash([]);
  }

  head([, , mx, my, x, y]) {
    const { context: c } = this, turn = Math.atan2(y - my, x - mx), long = Math.max(4, 10 * this.size) / Math.sqrt(this.zoom.k);
    c.beginPath();
    c.moveTo(x, y);
    c.lineTo(x - long * Math.cos(turn - 0.42), y - long * Math.sin(turn - 0.42));
    c.lineTo(x - long * Math.cos(turn + 0.42), y - long * Math.sin(turn + 0.42));
    c.fill();
  }

  drawNodes(focus) {
    const { context: c, zoom } = this, near = this.neighbours(focus);
    const faint = (node) => (this.part && !this.kept.has(node)) || (focus >= 0 && node !== focus && !near.has(node)) || (this.found.size && !this.found.has(node));
    const disc = (node, r) => { c.beginPath(); c.arc(this.x[node], this.y[node], r, 0, 7); };
    for (const node of this.graph.left_out) {
      c.globalAlpha = faint(node) ? 0.25 : 0.9;
      c.strokeStyle = QUIET;
      c.lineWidth = 1.2 / zoom.k;
      disc(node, 2.5);
      c.stroke();
    }
    for (const node of this.graph.values.at.toReversed()) {
      const r = this.radius(node), row = this.place.get(node), pale = faint(node);
      if (!pale) {
        c.globalAlpha = 0.32;
        c.fillStyle = WARM;
        disc(node, this.radius(node, "r_high"));
        c.fill();
      }
      const tells = !pale && r * zoom.k > 4 && this.graph.values.r_high[row] > 0, core = this.graph.values.r_low[row] * this.size;
      c.globalAlpha = pale ? 0.22 : 1;
      c.fillStyle = tells ? PALE : BLUE;
      disc(node, r);
      c.fill();
      if (tells) { // the dark core is what the rank is at least, the pale disc around it what it may be
        c.strokeStyle = c.fillStyle = BLUE;
        c.lineWidth = 1.4 / zoom.k;
        c.stroke();
        if (core > 0) { disc(node, core); c.fill(); }
      }
      if (this.apart.has(node)) this.frame(node, VIOLET, 5);
    }
    c.globalAlpha = 1;
    for (const node of this.found) this.frame(node, WARM, 4);
    if (focus >= 0) this.frame(focus, INK, 3);
  }

  frame(node, colour, gap) {
    const { context: c, zoom } = this;
    c.globalAlpha = 1;
    c.strokeStyle = colour;
    c.lineWidth = 2.4 / zoom.k;
    c.beginPath();
    c.arc(this.x[node], this.y[node], Math.max(this.radius(node), this.radius(node, "r_high")) + gap / zoom.k, 0, 7);
    c.stroke();
  }

  /* Labels by rank, those in focus first; one that would cover an earlier one waits for a closer look. */
  drawLabels(focus) {
    const { context: c, zoom, canvas } = this, w = canvas.clientWidth, h = canvas.clientHeight, taken = [];
    const near = this.neighbours(focus), shown = this.graph.values.at;
    const first = [focus, ...this.found, ...near].filter((node) => node >= 0);
    c.font = `${LABEL}px system-ui, sans-serif`;
    c.textAlign = "center";
    c.lineJoin = "round";
    let written = 0;
    for (const node of new Set([...first, ...shown])) {
      if (written >= MOST_LABELS) break;
      if ((this.part && !this.kept.has(node)) || (focus >= 0 && node !== focus && !near.has(node))) continue;
      const x = this.x[node] * zoom.k + zoom.x;
      const y = this.y[node] * zoom.k + zoom.y + Math.max(this.radius(node), this.radius(node, "r_high")) * zoom.k + LABEL + 2;
      if (x < 0 || x > w || y < 0 || y > h + LABEL) continue;
      const lines = GraphView.lines(this.base.values.title[node]), half = Math.max(...lines.map((line) => c.measureText(line).width)) / 2 + 3;
      const middle = Math.min(Math.max(x, half), w - half), top = Math.min(y, h - LABEL * (lines.length - 1) - 3);
      const box = [middle - half, top - LABEL, middle + half, top + LABEL * 1.15 * (lines.length - 1) + 3];
      if (node !== focus && taken.some((t) => t[0] < box[2] && box[0] < t[2] && t[1] < box[3] && box[1] < t[3])) continue;
      taken.push(box);
      written += 1;
      c.strokeStyle = PAPER;
      c.lineWidth = 4;
      c.fillStyle = INK;
      lines.forEach((line, n) => {
        c.strokeText(line, middle, top + n * LABEL * 1.15);
        c.fillText(line, middle, top + n * LABEL * 1.15);
      });
    }
  }

  static lines(title) {
    const found = [""];
    for (const word of title.split(/\s+/)) {
      const last = found[found.length - 1];
      if (last && last.length + word.length > 20) found.push(word);
      else found[found.length - 1] = last ? `${last} ${word}` : word;
    }
    return found.length > 3 ? [...found.slice(0, 2), `${found[2]}…`] : found;
  }

  neighbours(node) {
    const near = new Set();
    if (node < 0) return near;
    this.edges.forEach(([from, to], row) => {
      if (this.part && !this.part[row]) return;
      if (from === node) near.add(to);
      if (to === node) near.add(from);
    });
    return near;
  }

  /* The value, else the edge, under a point of the canvas; -1 for none. */
  under(px, py) {
    const { zoom } = this, x = (px - zoom.x) / zoom.k, y = (py - zoom.y) / zoom.k;
    let node = -1, nearest = Infinity;
    for (const one of this.shown()) {
      const away = Math.hypot(this.x[one] - x, this.y[one] - y) - Math.max(this.radius(one), 4 / zoom.k);
      if (away < 4 / zoom.k && away < nearest) { node = one; nearest = away; }
    }
    if (node >= 0) return { node, edge: -1 };
    let edge = -1;
    nearest = 6 / zoom.k;
    this.curves.forEach((k, row) => {
      if (this.part && !this.part[row]) return;
      if (x < Math.min(k[0], k[2], k[4]) - nearest || x > Math.max(k[0], k[2], k[4]) + nearest) return;
      for (let t = 0; t <= 1; t += 0.05) {
        const u = 1 - t, away = Math.hypot(u * u * k[0] + 2 * u * t * k[2] + t * t * k[4] - x, u * u * k[1] + 2 * u * t * k[3] + t * t * k[5] - y);
        if (away < nearest) { nearest = away; edge = row; }
      }
    });
    return { node: -1, edge };
  }

  shown() {
    return [...this.graph.values.at, ...this.graph.left_out].filter((node) => !this.part || this.kept.has(node));
  }

  /* The nearest value in a direction; values well to the side count as farther. */
  towards(dx, dy) {
    if (this.selected < 0) return this.graph.values.at[0] ?? -1;
    let best = -1, least = Infinity;
    for (const node of this.shown()) {
      const ahead = (this.x[node] - this.x[this.selected]) * dx + (this.y[node] - this.y[this.selected]) * dy;
      const aside = Math.abs((this.x[node] - this.x[this.selected]) * dy - (this.y[node] - this.y[this.selected]) * dx);
      if (ahead > 0.5 && aside <= ahead * 1.6 && ahead + 2 * aside < least) { best = node; least = ahead + 2 * aside; }
    }
    return best;
  }

  step(places) {
    const all = this.shown(), at = all.indexOf(this.selected);
    return at < 0 ? all[0] ?? -1 : all[Math.min(Math.max(at + places, 0), all.length - 1)];
  }

  select(node) {
    this.selected = node;
    if (node >= 0) this.reveal(node);
    this.ask();
  }

  reveal(node) {
    const { zoom, canvas } = this, x = this.x[node] * zoom.k + zoom.x, y = this.y[node] * zoom.k + zoom.y;
    if (x < 0 || y < 0 || x > canvas.clientWidth || y > canvas.clientHeight) {
      zoom.x += canvas.clientWidth / 2 - x;
      zoom.y += canvas.clientHeight / 2 - y;
      this.told.moved(this);
    }
  }

  closer(factor, px = this.canvas.clientWidth / 2, py = this.canvas.clientHeight / 2) {
    const { zoom } = this, k = Math.min(Math.max(zoom.k * factor, 1), CLOSEST);
    zoom.x = k === 1 ? 0 : px - (px - zoom.x) * k / zoom.k;
    zoom.y = k === 1 ? 0 : py - (py - zoom.y) * k / zoom.k;
    zoom.k = k;
    this.canvas.classList.toggle("zoomed", k > 1);
    this.told.moved(this);
    this.ask();
  }

  listen() {
    const { canvas } = this;
    const at = (event) => { const box = canvas.getBoundingClientRect(); return [event.clientX - box.left, event.clientY - box.top]; };
    let held = null;
    canvas.addEventListener("pointerdown", (event) => { held = { at: at(event), moved: false }; });
    canvas.addEventListener("pointermove", (event) => {
      if (!this.paths) return;
      const [x, y] = at(event);
      if (held && event.buttons && this.zoom.k > 1 && (held.moved || Math.hypot(x - held.at[0], y - held.at[1]) > 4)) {
        canvas.setPointerCapture(event.pointerId);
        this.zoom.x += x - held.at[0];
        this.zoom.y += y - held.at[1];
        held = { at: [x, y], moved: true };
        this.told.moved(this);
        this.ask();
        return;
      }
      const { node, edge } = this.under(x, y);
      if (node !== this.hover) { this.hover = node; this.ask(); }
      canvas.classList.toggle("over", node >= 0 || edge >= 0);
      this.told.over(node, edge, event.clientX, event.clientY);
    });
    canvas.addEventListener("pointerleave", () => { this.hover = -1; this.told.over(-1, -1, 0, 0); this.ask(); });
    canvas.addEventListener("click", (event) => {
      if (held?.moved || !this.paths) return;
      const { node, edge } = this.under(...at(event));
      this.told.chosen(node);
      if (node >= 0 || edge >= 0) this.told.open(node, edge);
    });
    canvas.addEventListener("wheel", (event) => {
      if (!event.ctrlKey && document.activeElement !== canvas) return;
      event.preventDefault();
      this.closer(Math.exp(-event.deltaY / 300), ...at(event));
    }, { passive: false });
    canvas.addEventListener("keydown", (event) => this.key(event));
  }

  key(event) {
    if (event.altKey || event.ctrlKey || event.metaKey || !this.paths) return;
    const ways = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    const moves = { PageUp: -1, PageDown: 1, Home: -Infinity, End: Infinity };
    if (ways[event.key]) this.go(this.towards(...ways[event.key]));
    else if (event.key in moves) this.go(this.step(moves[event.key]));
    else if (event.key === "Enter" && this.selected >= 0) this.told.open(this.selected, -1);
    else if (event.key === "+" || event.key === "=") this.closer(1.4);
    else if (event.key === "-") this.closer(1 / 1.4);
    else if (event.key === "0") this.closer(0);
    else return;
    event.preventDefault();
  }

  go(node) {
    if (node >= 0) this.told.chosen(node);
  }

  about(node, edge) {
    if (edge >= 0) return this.graph.edges.about[edge];
    const row = this.place.get(node);
    return row === undefined ? this.base.values.title[node] : this.graph.values.about[row];
  }
}

window.GraphView = GraphView;
