"use strict";
// Everything here can be done without it: this only spares reloading.

const rows = document.querySelector("tbody[data-live]");
const filter = document.querySelector("input[type=search]");

function applyFilter() {
  if (!filter || !rows) return;
  const wanted = filter.value.trim().toLowerCase();
  let group = null;
  let any = false;
  const close = () => { if (group) group.hidden = !any; };
  for (const row of rows.querySelectorAll("tr")) {
    if (row.classList.contains("group")) {
      close();
      group = row;
      any = false;
    } else {
      row.hidden = wanted !== "" && !row.dataset.words.includes(wanted);
      any = any || !row.hidden;
    }
  }
  close();
}

function span(seconds) {
  const days = Math.floor(seconds / 86400);
  const pad = (n) => String(n).padStart(2, "0");
  const clock = Math.floor(seconds / 3600) % 24 + ":" + pad(Math.floor(seconds / 60) % 60) + ":" + pad(seconds % 60);
  return days ? days + (days === 1 ? " day, " : " days, ") + clock : clock;
}

// Without the name and password that may stand in our own address: no request may carry those.
function here(path) {
  return new URL(path, location.origin + location.pathname);
}

let skew = 0;
function tick() {
  const now = Math.floor(Date.now() / 1000) - skew;
  for (const cell of document.querySelectorAll("[data-since]")) {
    cell.textContent = span(Math.max(0, now - Number(cell.dataset.since)));
  }
}

let asking = false;
let again = false;
async function refresh() {
  if (asking) { again = true; return; }
  asking = true;
  try {
    const reply = await fetch(here(location.search || location.pathname), { headers: { Accept: "text/html" } });
    if (reply.ok) {
      const page = new DOMParser().parseFromString(await reply.text(), "text/html");
      for (const part of document.querySelectorAll("[data-live]")) {
        const fresh = page.querySelector(`[data-live="${part.dataset.live}"]`);
        if (fresh) part.replaceChildren(...fresh.childNodes);
      }
      applyFilter();
      tick();
    }
  } finally {
    asking = false;
    if (again) { again = false; refresh(); }
  }
}

function watch() {
  const source = new EventSource(here("changes"));
  let timer = null;
  source.onmessage = () => {
    if (!timer) timer = setTimeout(() => { timer = null; refresh(); }, 150);
  };
}

async function follow(log) {
  const button = document.querySelector("[data-follow]");
  const reply = await fetch(here(log.dataset.log));
  if (!reply.ok) return;
  log.textContent = "";
  if (button) button.hidden = true;
  const reader = reply.body.pipeThrough(new TextDecoderStream()).getReader();
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const atEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 40;
    log.append(value);
    if (log.textContent.length > 400000) log.textContent = log.textContent.slice(-200000);
    if (atEnd) log.scrollTop = log.scrollHeight;
  }
}

if (document.body.dataset.now) skew = Math.floor(Date.now() / 1000) - Number(document.body.dataset.now);
if (filter) {
  filter.addEventListener("input", applyFilter);
  filter.form.addEventListener("submit", (event) => event.preventDefault());
}
watch();
setInterval(tick, 1000);
const log = document.querySelector("pre[data-log]");
if (log) {
  log.scrollTop = log.scrollHeight;
  follow(log);
}
