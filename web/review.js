// Keys and clock of the review pages; everything else works without it. Reads no text of the page and writes none but
// the clock's digits and the hidden field `seconds`.
"use strict";
(() => {
  const byId = (id) => document.getElementById(id);

  // Time a person can have looked: it stands still while the tab is hidden.
  let spent = 0, since = document.hidden ? null : performance.now();
  const seconds = () => (spent + (since === null ? 0 : performance.now() - since)) / 1000;
  document.addEventListener("visibilitychange", () => {
    if (document.hidden && since !== null) { spent += performance.now() - since; since = null; }
    if (!document.hidden && since === null) since = performance.now();
  });
  const clock = byId("clock");
  if (clock) {
    const show = () => {
      const s = Math.floor(seconds());
      clock.textContent = Math.floor(s / 60) + ":" + String(s % 60).padStart(2, "0");
    };
    show();
    setInterval(show, 1000);
  }
  for (const form of document.querySelectorAll('form[method="post"]'))
    form.addEventListener("submit", () => { form.elements.seconds.value = seconds().toFixed(1); });

  // Single keys can be switched off, and stay so on this machine.
  const keys = byId("keys");
  try {
    if (keys && localStorage.getItem("bitworth.keys") === "off") keys.checked = false;
    if (keys) keys.addEventListener("change", () => localStorage.setItem("bitworth.keys", keys.checked ? "on" : "off"));
  } catch { /* storage is off: the box counts for this page */ }

  const stops = [...document.querySelectorAll("a.item, article.attempt")];
  const go = (step) => {
    if (!stops.length) return;
    const at = stops.findIndex((s) => s === document.activeElement || s.contains(document.activeElement));
    const to = at < 0 ? (step > 0 ? 0 : stops.length - 1) : Math.min(Math.max(at + step, 0), stops.length - 1);
    stops[to].focus();
  };
  const focus = (element) => { if (element) { element.focus(); if (element.select && element.id !== "text") element.select(); } };
  const accept = () => {
    const here = document.activeElement && document.activeElement.closest("article.attempt");
    const buttons = document.querySelectorAll("button.accept");
    // Without an attempt in focus the key only leads to one: two keys accept, not one by mistake.
    if (here) { const b = here.querySelector("button.accept"); if (b) b.form.requestSubmit(b); }
    else if (buttons.length) buttons[0].closest("article").focus();
  };
  document.addEventListener("keydown", (e) => {
    const typing = /^(INPUT|TEXTAREA|SELECT)$/.test(e.target.tagName) && e.target.type !== "checkbox";
    if (e.key === "Escape" && typing) { e.target.blur(); return; }
    if (e.key === "Enter" && e.ctrlKey && e.target.tagName === "TEXTAREA") { e.preventDefault(); e.target.form.requestSubmit(); return; }
    if (typing || e.ctrlKey || e.altKey || e.metaKey || e.repeat || (keys && !keys.checked)) return;
    const act = { j: () => go(1), k: () => go(-1), a: accept, c: () => focus(byId("text")), r: () => focus(byId("reason")),
      u: () => { const up = document.querySelector("a.up"); if (up) up.click(); } }[e.key];
    if (act) { e.preventDefault(); act(); }
  });
  const problem = document.querySelector(".problem");
  if (problem) { problem.tabIndex = -1; problem.focus(); }
})();
