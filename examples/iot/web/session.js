// The key, and the tickets that it gets: a browser cannot send a key with a WebSocket, and a ticket in
// an address is worth nothing once it was used.

import { setClock } from "./clock.js";
import { tab } from "./storage.js";

const PATIENCE = 10_000; // ms to wait for the server

// The key is not valid, or not any more.
export class SignedOut extends Error {}

// Returns the key in the address, which it removes from there, or that of this tab, or "".
export function findKey() {
  const given = new URLSearchParams(location.hash.slice(1)).get("key");
  if (given) {
    keepKey(given);
    history.replaceState(null, "", location.pathname + location.search);
  }
  return given || tab.load("key", "");
}

export const keepKey = (key) => tab.keep("key", key);

// Returns the address of the gateway.
export async function gateway() {
  const response = await ask("config");
  if (!response.ok) throw new Error(`The server answers ${response.status}.`);
  const { url } = await response.json();
  return new URL(url, location).href;
}

// Returns a ticket for one connection. It fails with SignedOut if another try is of no use.
export async function ticket(key) {
  const response = await ask("tickets", { method: "POST", headers: { "X-Api-Key": key } });
  if (response.status === 401) throw new SignedOut("The server does not know this key, or it has ended.");
  if (response.status === 403) throw new SignedOut("This key may not see the devices.");
  if (!response.ok) throw new Error(`The server answers ${response.status}.`);
  return (await response.json()).ticket;
}

async function ask(path, options) {
  const response = await fetch(path, { cache: "no-store", signal: AbortSignal.timeout(PATIENCE), ...options });
  setClock(response);
  return response;
}
