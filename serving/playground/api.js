/* The service, as this page uses it. The key lives in this module's memory only. */

export class Refusal extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

let key = "";

export function useKey(value) {
  key = value.trim();
  titles.clear(); // another key may be another shop's
}

export function hasKey() {
  return key !== "";
}

async function call(method, path, body) {
  const headers = { Accept: "application/json" };
  if (key) headers.Authorization = `Bearer ${key}`;
  if (body !== undefined) headers["Content-Type"] = "application/json";
  let response;
  try {
    response = await fetch(path, {
      method, headers, body: body === undefined ? undefined : JSON.stringify(body),
      cache: "no-store", credentials: "omit", redirect: "error",
    });
  } catch {
    throw new Refusal(0, "The service does not answer. Is it still running?");
  }
  const answer = await response.json().catch(() => ({}));
  if (!response.ok) {
    throw new Refusal(response.status, answer.detail || answer.title || `Status ${response.status}`);
  }
  return answer;
}

export const shop = () => call("GET", "/v1/playground/shop");
export const models = () => call("GET", "/v1/models");
export const recommend = (request) => call("POST", "/v1/recommendations", request);

/* A shopper whom nobody knows has no history: that is an answer, not an error. */
export async function user(id) {
  try {
    return await call("POST", "/v1/users:get", { user_id: id });
  } catch (error) {
    if (error.status === 404) return null;
    throw error;
  }
}

/* An id that nobody else has; crypto.randomUUID is missing where the page came by plain HTTP. */
export function newId() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

export const send = (event) =>
  call("POST", "/v1/events", { events: [{ event_id: newId(), ...event }] });

const titles = new Map();

export function title(id) {
  return titles.get(id) || id;
}

/* Learn the titles of items; each is asked for once. */
export async function learnTitles(ids) {
  const missing = [...new Set(ids)].filter((id) => !titles.has(id));
  if (!missing.length) return;
  const { items } = await call("POST", "/v1/items:get", { item_ids: missing });
  for (const item of items) titles.set(item.item_id, item.title || item.item_id);
}
