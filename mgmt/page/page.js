/* The status page: reads, never changes. Every text comes from a configuration, a certificate or a stranger,
   and is set as text only. */
"use strict";

const POLL_MS = 2000, SLOW_MS = 10000, KEEP_MS = 600000, LATE_MS = 8000;
const points = []; /* {at, up, down}: bits per second */
let last = null; /* {at, up, down, links}: counters */
let engines = {}, kinds = {}, answeredAt = 0, wait = POLL_MS;

const $ = id => document.getElementById(id);

function element(name, text, className) {
  const e = document.createElement(name);
  if (text !== undefined && text !== null) e.textContent = String(text);
  if (className) e.className = className;
  return e;
}

function rows(table, list, none) {
  const body = $(table).tBodies[0];
  if (!list.length) {
    const row = element("tr"), cell = element("td", none, "empty");
    cell.colSpan = $(table).tHead.rows[0].cells.length;
    row.append(cell);
    list = [row];
  }
  body.replaceChildren(...list);
}

function row(head, ...cells) {
  const r = element("tr"), h = element("th", head);
  h.scope = "row";
  r.append(h, ...cells);
  return r;
}

const number = n => Number(n).toLocaleString("en");

function bits(n) {
  const units = ["bit/s", "kbit/s", "Mbit/s", "Gbit/s", "Tbit/s"];
  let i = 0;
  for (; n >= 999.5 && i + 1 < units.length; i++) n /= 1000;
  return (n >= 99.5 || i === 0 ? Math.round(n) : n.toFixed(1)) + " " + units[i];
}

function span(s) {
  s = Math.max(0, Math.round(s));
  if (s < 120) return s + " s";
  if (s < 7200) return Math.round(s / 60) + " min";
  if (s < 172800) return Math.round(s / 3600) + " h";
  return Math.round(s / 86400) + " days";
}

const utc = t => new Date(t).toISOString().replace("T", " ").replace(/:\d\d\.\d+Z$/, " UTC");

async function ask(path, optional) {
  const stop = new AbortController(), timer = setTimeout(() => stop.abort(), LATE_MS);
  try {
    const answer = await fetch(path, { signal: stop.signal, credentials: "same-origin", cache: "no-store" });
    if (answer.status === 403) return null; /* not for this caller's role */
    if (optional && !answer.ok) return answer.status === 409 ? false : null; /* it never will; not now */
    const body = await answer.json();
    if (!answer.ok && path !== "readyz") throw new Error(body.detail || "the gateway answered " + answer.status);
    return body;
  } finally {
    clearTimeout(timer);
  }
}

/* ---- throughput ---- */

function path(key, now, top) {
  return points.map((p, i) => (i ? "L" : "M") + (600 - (now - p.at) / KEEP_MS * 600).toFixed(1) + " " +
    (136 - p[key] / top * 128).toFixed(1)).join("");
}

function draw(now) {
  const ns = "http://www.w3.org/2000/svg", chart = $("chart"), parts = [];
  const top = Math.max(1000, ...points.map(p => Math.max(p.up, p.down)));
  const line = (className, d) => {
    const e = document.createElementNS(ns, "path");
    e.setAttribute("class", className);
    e.setAttribute("d", d);
    parts.push(e);
  };
  for (const y of [8, 72, 136]) line("grid", "M0 " + y + "L600 " + y);
  if (points.length > 1) {
    line("up", path("up", now, top));
    line("down", path("down", now, top));
  }
  chart.replaceChildren(...parts);
  $("scale").textContent = "top " + bits(top) + ", 10 minutes";
}

function rates(status, now) {
  const sum = key => status.links.reduce((all, l) => all + l[key], 0);
  const links = Object.fromEntries(status.links.map(l => [l.link, l]));
  const counters = { at: now, up: sum("up_bytes"), down: sum("down_bytes"), links };
  const before = last;
  last = counters;
  /* Counters that went back are another process's: begin anew. */
  if (!before || counters.up < before.up || counters.down < before.down) return null;
  const seconds = (now - before.at) / 1000;
  const rate = (a, b) => Math.max(0, a - b) * 8 / seconds;
  points.push({ at: now, up: rate(counters.up, before.up), down: rate(counters.down, before.down) });
  while (points.length && now - points[0].at > KEEP_MS) points.shift();
  const of = {};
  for (const l of status.links) {
    const b = before.links[l.link];
    if (b) of[l.link] = { up: rate(l.up_bytes, b.up_bytes), down: rate(l.down_bytes, b.down_bytes) };
  }
  return of;
}

/* ---- the parts ---- */

function showStatus(status, now) {
  const of = rates(status, now), p = points[points.length - 1];
  $("facts").textContent = "revision " + status.revision + ", applied " + span(status.applied_s) + " ago";
  $("up").textContent = of && p ? bits(p.up) : "\u2013";
  $("down").textContent = of && p ? bits(p.down) : "\u2013";
  $("live").textContent = number(status.links.reduce((n, l) => n + l.live, 0));
  draw(now);
  rows("links", status.links.map(l => {
    const r = of && of[l.link], state = element("td", l.live ? "carries" : l.keyed || l.accepted ? "idle" : "waits");
    if (l.live) state.className = "good";
    return row(l.link, element("td", kinds[l.link] || "\u2013"), state, element("td", number(l.live), "n"),
      element("td", r ? bits(r.up) : "\u2013", "n"), element("td", r ? bits(r.down) : "\u2013", "n"),
      element("td", number(l.keyed), "n"), element("td", number(l.refused), l.refused ? "n warn" : "n"),
      element("td", engines[l.link] || "\u2013"));
  }), "no links yet");
  const list = status.warnings.map(w => element("li", w));
  $("warnings").replaceChildren(...(list.length ? list : [element("li", "none", "none")]));
}

function showReady(ready) {
  const good = ready && ready.status === "ready";
  $("state").textContent = good ? "ready" : "not ready: " + ((ready && (ready.detail || ready.why)) || "see the log");
  $("state").className = "pill " + (good ? "good" : "bad");
}

/* Where a connection comes in by TLS or plain, and where it goes. */
function learnKinds(links) {
  kinds = { management: "management" };
  for (const { name, value } of links.items) {
    const outer = value.listen && value.listen.tls, inner = value.forward && value.forward.tls;
    kinds[name] = outer && inner ? "bridge" : outer ? "terminate" : "originate";
  }
}

function learnEngines(sessions) {
  const seen = {};
  for (const s of sessions.sessions) {
    const leg = s.outer.version ? s.outer : s.inner;
    if (!leg.version) continue; /* its handshake is not over */
    (seen[s.link] = seen[s.link] || new Set()).add(leg.engine_rx + " / " + leg.engine_tx);
  }
  engines = Object.fromEntries(Object.entries(seen).map(([link, set]) => [link, [...set].join(", ")]));
}

function showRefusals(list) {
  const by = new Map();
  for (const r of list.items) { /* newest first */
    const g = by.get(r.reason);
    if (g) g.count++;
    else by.set(r.reason, { count: 1, newest: r });
  }
  rows("refusals", [...by].sort((a, b) => b[1].count - a[1].count).map(([reason, g]) => row(reason,
    element("td", number(g.count), "n"), element("td", utc(g.newest.at), "time"), element("td", g.newest.text),
    element("td", (g.newest.peer || "no certificate") + ", " + g.newest.source + ", link " + g.newest.link))),
    "nobody was refused");
}

function showExpiry(inventory, now) {
  const all = [];
  const add = (what, of, until) => all.push({ what, of, until: Date.parse(until) });
  for (const [name, id] of Object.entries(inventory.identities))
    for (const c of id.chain) add("certificate of " + name, c.subject, c.not_after);
  for (const [name, t] of Object.entries(inventory.trust)) {
    for (const c of t.anchors) add("anchor of " + name, c.subject, c.not_after);
    for (const c of t.crls) add("revocation list of " + name, c.issuer, c.next_update);
  }
  all.sort((a, b) => a.until - b.until);
  rows("expiry", all.filter(e => !isNaN(e.until)).map(e => {
    const left = (e.until - now) / 1000, list = e.what.startsWith("revocation");
    const near = left < 0 ? "bad" : left < (list ? 86400 : 30 * 86400) ? "warn" : "";
    return row(e.what, element("td", e.of), element("td", utc(e.until), "time"),
      element("td", left < 0 ? "ended" : span(left) + (near ? ", soon" : ""), "n " + near));
  }), "nothing");
}

/* A section of facts, [name, text, class] each; hidden where there are none. */
function facts(section, list) {
  $(section).hidden = !list;
  if (list) $(section).querySelector("dl").replaceChildren(...list.flatMap(([name, text, className]) =>
    [element("dt", name), element("dd", text, className)]));
}

const because = why => why ? ": " + why : "";
const since = s => s ? ", since " + utc(1000 * s) : "";

function showPair(pair) {
  const p = pair && pair.partner, c = pair && pair.configuration;
  const list = pair && [["This gateway", pair.role + since(pair.since) + because(pair.why),
    pair.role === "active" || pair.role === "passive" ? "good" : "bad"]];
  if (p) list.push(
    ["The partner", p.reachable ? p.role + ", at " + p.management : "does not answer" + because(p.why), p.reachable ? "" : "bad"],
    ["Configuration", c.word + since(c.since) + because(c.why), c.word === "same" ? "good" : "warn"]);
  facts("pair", pair && (p || pair.role !== "off" || pair.why) ? list : null);
}

const KEPT = { file: "in clear on the disk", tpm: "sealed by the TPM", "tpm-secure-boot": "sealed by the TPM, with Secure Boot" };

function slot(s) {
  return s.state + (s.version ? ", version " + s.version : "") + (s.starts_left ? ", " + s.starts_left + " starts left" : "");
}

function showAppliance(s) {
  const other = s && s.slots[s.slot === "a" ? "b" : "a"], kept = s && s.key_encryption_key;
  facts("appliance", !s ? null : [
    ["Version", s.version + " in slot " + s.slot + ", " + s.slots[s.slot].state + ", up for " + span(s.uptime_s)],
    ["Other slot", s.installing ? "an update comes" : slot(other), other.state === "failed" ? "bad" : ""],
    ["Key-encryption key", KEPT[kept] || kept, kept === "file" ? "warn" : ""]]);
}

function showChange(revisions) {
  const r = revisions.items[0];
  if (r) $("facts").textContent += ", by " + r.actor + (r.comment ? " (" + r.comment + ")" : "");
}

/* ---- the clock ---- */

let slowAt = 0, expiryAt = 0, change = null, appliance = null;

async function slow(now) {
  slowAt = now;
  const [links, sessions, refusals, revisions, pair] = await Promise.all(
    [ask("api/v1/links"), ask("api/v1/sessions?limit=100"), ask("api/v1/refusals?limit=1000"), ask("api/v1/config/revisions?limit=1"),
      ask("api/v1/availability/status")]);
  if (links) learnKinds(links);
  if (sessions) learnEngines(sessions);
  if (refusals) showRefusals(refusals);
  showPair(pair);
  change = revisions;
  if (now - expiryAt > 6 * SLOW_MS) {
    const inventory = await ask("api/v1/inventory");
    if (inventory) showExpiry(inventory, now);
    if (appliance !== false) appliance = await ask("api/v1/system", true);
    showAppliance(appliance);
    expiryAt = now;
  }
}

async function turn() {
  const now = Date.now();
  try {
    showReady(await ask("readyz"));
    if (now - slowAt > SLOW_MS) await slow(now);
    const status = await ask("api/v1/status");
    if (status) showStatus(status, Date.now());
    if (change) showChange(change);
    answeredAt = Date.now();
    wait = POLL_MS;
    $("trouble").hidden = true;
  } catch (e) {
    last = null; /* what was carried meanwhile is no peak afterwards */
    wait = Math.min(2 * wait, 30000);
    $("state").textContent = "no answer";
    $("state").className = "pill bad";
    $("trouble").textContent = "The gateway's management does not answer (" + (e.message || e) + "). " +
      (answeredAt ? "What is shown is from " + utc(answeredAt) + ". " : "") + "Traffic does not depend on it. Asking again.";
    $("trouble").hidden = false;
  }
  $("age").textContent = answeredAt ? "as of " + new Date(answeredAt).toISOString().slice(11, 19) + " UTC" : "";
  setTimeout(turn, wait);
}

turn();
