/* Wires the page: who is asked for, with what, and what changes after a click. */

import * as api from "./api.js";
import { options, showHistory, showList } from "./view.js";

const by = (id) => document.getElementById(id);
const ARMS = ["champion", "challenger"];
const state = { shop: null, who: null, session: [], shown: {}, turn: 0, busy: 0 };

function alertUser(text) {
  by("alert").textContent = text;
  by("alert").hidden = !text;
}

/* Run something that talks to the service; say what went wrong instead of failing silently. */
async function attempt(work) {
  alertUser("");
  busy(1);
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof api.Refusal)) throw error;
    const hint = { 401: "\nEnter an API key above.", 403: "\nUse a key with the scope write." };
    alertUser(error.message + (hint[error.status] || ""));
    if (error.status === 401) askForKey();
    return undefined;
  } finally {
    busy(-1);
  }
}

function busy(change) {
  state.busy += change;
  by("lists").setAttribute("aria-busy", String(state.busy > 0));
}

function askForKey() {
  by("main").hidden = true;
  by("other-key").hidden = true;
  by("key-form").hidden = false;
  by("key").focus();
}

async function open() {
  const found = await api.shop();
  state.shop = found;
  by("main").hidden = false;
  by("key-form").hidden = true;
  by("other-key").hidden = !api.hasKey();
  by("shop-name").textContent = found.name;
  options(by("shoppers"), found.shoppers);
  const none = by("column").options[0];
  options(by("column"), found.columns.map((column) => column.field), none);
  for (const arm of ARMS) by(arm).hidden = !found.arms.includes(arm);
  document.querySelector(".arms").classList.toggle("one", found.arms.length < 2);
  if (!state.who) pick({ user_id: found.shoppers[0] || "anna" });
  await refresh();
}

function pick(who) {
  state.who = who;
  state.session = [];
  state.shown = {};
  by("shopper").value = who.user_id || "";
  by("who").textContent = who.user_id || "A visitor without an account";
}

function visitor() {
  return { session_id: `playground-${api.newId()}` };
}

function request(arm) {
  const field = by("column").value;
  const value = by("value").value;
  return {
    ...state.who,
    arm,
    k: Number(by("k").value),
    repeats: by("repeats").checked ? "allow" : "exclude",
    diversity: Number(by("diversity").value),
    blurbs: by("blurbs").checked,
    explain: by("explain").checked,
    surface: "playground",
    ...(field && { filters: { field, op: "eq", value } }),
  };
}

async function readHistory() {
  if (!state.who.user_id) return state.session;
  const known = await api.user(state.who.user_id);
  return known ? known.history : [];
}

async function refresh(clicked) {
  const turn = ++state.turn;
  const who = state.who;
  const answers = await Promise.all(state.shop.arms.map((arm) => api.recommend(request(arm))));
  const answered = performance.now();
  const [history] = await Promise.all([
    readHistory(),
    api.learnTitles(answers.flatMap((answer) => answer.items.map((item) => item.item_id))),
  ]);
  if (turn !== state.turn) return; // somebody asked for something else meanwhile
  const before = clicked ? state.shown : {};
  state.shown = {};
  answers.forEach((answer, i) => {
    const arm = state.shop.arms[i];
    showList(by(arm), answer, before[arm], (event, item) => click(event, item, answer, who));
    state.shown[arm] = answer.items.map((item) => item.item_id);
  });
  showHistory(by("history"), by("history-note"), history, state.shop.has_clock);
  tell(clicked, answered, before);
}

function tell(clicked, answered, before) {
  const shown = state.shown.champion || [];
  if (!clicked) {
    by("timing").textContent = "View or buy something, and see the lists change.";
    by("status").textContent = `${shown.length} items are shown.`;
    return;
  }
  const old = before.champion || [];
  const fresh = shown.filter((id) => !old.includes(id)).length;
  const took = Math.round(answered - clicked.at);
  const did = clicked.event === "view" ? "Viewed" : "Bought";
  by("timing").textContent =
    `${did} ${api.title(clicked.item)}. The next lists came ${took} ms after the click.`;
  by("timing").dataset.ms = String(took);
  by("status").textContent = `The list changed: ${fresh} new items.`;
}

/* The event is of the shopper whose list it is, whoever has been picked since. */
async function click(event, item, answer, who) {
  const clicked = { event, item: item.item_id, at: performance.now() };
  await attempt(async () => {
    const sent = await api.send({
      ...who, event, item_id: item.item_id, recommendation_id: answer.recommendation_id,
    });
    const [result] = sent.results;
    if (result.status === "refused") throw new api.Refusal(0, result.detail || "refused");
    if (who !== state.who) return;
    state.session.unshift({
      item_id: item.item_id, title: api.title(item.item_id), event, timestamp: Date.now() * 1000,
    });
    await refresh(clicked);
    by("lists").focus({ preventScroll: true });
  });
}

by("key-form").addEventListener("submit", (event) => {
  event.preventDefault();
  api.useKey(by("key").value);
  by("key").value = "";
  attempt(open);
});

by("other-key").addEventListener("click", () => {
  api.useKey("");
  state.who = null;
  askForKey();
});

by("shopper-form").addEventListener("submit", (event) => {
  event.preventDefault();
  const typed = by("shopper").value;
  pick(typed ? { user_id: typed } : visitor());
  attempt(refresh);
});

by("visitor").addEventListener("click", () => {
  pick(visitor());
  attempt(refresh);
});

by("column").addEventListener("change", () => {
  const column = state.shop.columns.find((one) => one.field === by("column").value);
  options(by("value"), column ? column.values : []);
  by("value-field").hidden = !column;
});

by("diversity").addEventListener("input", () => {
  by("diversity-shown").textContent = by("diversity").value;
});

by("settings").addEventListener("change", () => attempt(refresh));
by("settings").addEventListener("submit", (event) => event.preventDefault());

if (matchMedia("(max-width: 60rem)").matches) {
  for (const part of document.querySelectorAll("aside details")) part.open = false;
}

attempt(async () => {
  try {
    await open();
  } catch (error) {
    if (error.status !== 401) throw error;
    askForKey(); // the usual beginning: no alarm
  }
});
