/* Builds what is shown. Everything from outside becomes text, never markup. */

import { title } from "./api.js";

export function element(name, className, text) {
  const made = document.createElement(name);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}

export function options(select, values, first) {
  select.replaceChildren(...(first ? [first] : []), ...values.map((value) => {
    const made = element("option", "", value);
    made.value = value;
    return made;
  }));
}

/* Where an item stood in the list before: "new", places risen (+) or fallen (-), or null. */
export function movement(item, before) {
  if (!before) return null;
  const old = before.indexOf(item.item_id);
  if (old < 0) return "new";
  return old + 1 - item.rank || null;
}

function moved(change) {
  if (change === "new") return element("span", "moved new", "new");
  if (change === null) return element("span", "moved");
  const kind = change > 0 ? "up" : "down";
  const made = element("span", `moved ${kind}`, `${change > 0 ? "▲" : "▼"} ${Math.abs(change)}`);
  made.setAttribute("aria-label", `${kind} by ${Math.abs(change)}`);
  made.setAttribute("role", "img");
  return made;
}

function button(text, label, className, act) {
  const made = element("button", className, text);
  made.type = "button";
  made.setAttribute("aria-label", label);
  made.addEventListener("click", act);
  return made;
}

export function itemCard(item, before, act) {
  const change = movement(item, before);
  const name = title(item.item_id);
  const card = element("li", change === "new" ? "item changed" : "item");
  card.dataset.itemId = item.item_id;
  const about = element("div", "about");
  if (item.reason) about.append(element("p", "reason quiet", item.reason));
  if (item.blurb) about.append(element("p", "blurb", item.blurb.text));
  const tags = element("p", "tags quiet");
  tags.append(
    element("span", "source", `from ${item.source.replaceAll("_", " ")}`),
    element("span", "score", `score ${item.score.toPrecision(3)}`),
  );
  if (item.blurb) tags.append(element("span", "tier", `blurb: ${item.blurb.tier}`));
  if (name !== item.item_id) tags.append(element("span", "id", item.item_id));
  about.append(tags);
  const actions = element("div", "actions");
  actions.append(
    button("View", `View ${name}`, "view", () => act("view", item)),
    button("Buy", `Buy ${name}`, "buy", () => act("purchase", item)),
  );
  about.append(actions);
  card.append(
    element("span", "rank", `${item.rank}.`), element("span", "title", name), moved(change), about,
  );
  return card;
}

const FALLBACKS = {
  unknown_user: "Nobody knows this shopper yet: what is popular is shown.",
  empty_history: "No history yet: what is popular is shown.",
  precomputed: "A list computed ahead of time is shown.",
  budget_exceeded: "The time budget was spent: a simpler list is shown.",
  store_unavailable: "The store is away: the newest events are missing.",
};

export function showList(arm, answer, before, act) {
  arm.querySelector(".model").textContent =
    `${answer.model.name || "model"} ${answer.model.version}`;
  const notes = [...answer.warnings];
  if (answer.fallback) notes.unshift(FALLBACKS[answer.fallback] || answer.fallback);
  if (!answer.items.length) notes.push("Nothing is left: every item is filtered out or bought.");
  arm.querySelector(".notes").replaceChildren(...notes.map((note) => element("li", "", note)));
  arm.querySelector(".items").replaceChildren(
    ...answer.items.map((item) => itemCard(item, before, act)),
  );
}

const SHOWN = 12;

export function showHistory(list, note, history, hasClock) {
  note.textContent = history.length
    ? (history.length > SHOWN ? `the newest ${SHOWN} of ${history.length}` : "newest first")
    : "nothing yet";
  list.replaceChildren(...history.slice(0, SHOWN).map((entry) => {
    const made = element("li", "", entry.title || entry.item_id);
    const day = hasClock ? new Date(entry.timestamp / 1000).toLocaleDateString() : "";
    made.append(element("span", "quiet", ` ${[entry.event, day].filter(Boolean).join(", ")}`));
    return made;
  }));
}
