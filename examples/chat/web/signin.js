// Signing in at an OpenID Connect provider: the authorization code flow with PKCE (RFC 6749, RFC 7636), as every provider has it
// for pages. What comes of it is kept in this tab.

import { keep, load } from "./storage.js";

const EARLY = 10_000; // ms before its end that a token is replaced
const RENEW_EARLY = 30_000; // ms before its end that an open connection gets another one
const PATIENCE = 10_000; // ms for an answer of the provider

const SILENT = "The identity provider does not answer. Try again.";

// Nobody is signed in, or not any more.
export class SignedOut extends Error {}

export class SignIn {
  #issuer;
  #client;
  #scope;
  #session; // {access, refresh, name, subject, scopes, endsAt}, or null
  #refreshing = null;

  constructor({ issuer, client, scope }) {
    this.#issuer = issuer;
    this.#client = client;
    this.#scope = scope;
    const session = load("session", {});
    this.#session = session.issuer === issuer ? session : null;
  }

  // Who is signed in: {name, scopes}, or null.
  get who() {
    return this.#session && { name: this.#session.name, scopes: this.#session.scopes };
  }

  // In how many ms another token is wanted: a while before this one's end, and at once only where that is near.
  get renewIn() {
    const left = (this.#session?.endsAt ?? 0) - Date.now();
    return Math.max(1_000, left > 2 * RENEW_EARLY ? left - RENEW_EARLY : left / 2);
  }

  // Leaves this page for the provider's. It does not return, unless the provider can't be reached.
  async start(hint) {
    if (!globalThis.crypto?.subtle) throw new Error("Signing in needs https, or a page on this machine.");
    const { authorization_endpoint: endpoint } = await this.#configuration();
    const verifier = random();
    const state = random();
    keep("signing in", { verifier, state, hash: location.hash });
    const address = new URL(endpoint);
    const challenge = base64(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(verifier)));
    const query = {
      response_type: "code",
      client_id: this.#client,
      redirect_uri: here(),
      scope: this.#scope,
      state,
      code_challenge: challenge,
      code_challenge_method: "S256",
      ...(hint && { login_hint: hint }),
    };
    for (const [name, value] of Object.entries(query)) address.searchParams.set(name, value);
    location.assign(address);
  }

  // Takes what the provider has put into the address of this page, if it has.
  async finish() {
    const query = new URLSearchParams(location.search);
    const started = load("signing in", {});
    if (!query.has("state") || (!query.has("code") && !query.has("error"))) return;
    keep("signing in", {});
    history.replaceState(null, "", here() + (started.hash ?? "")); // so that the code is in no history, and used once
    if (query.get("state") !== started.state) throw new Error("This answer to signing in was not asked for by this tab.");
    if (query.get("error") === "access_denied") throw new SignedOut("You have not signed in.");
    if (query.has("error")) throw new Error(`Signing in failed: ${query.get("error")}.`);
    await this.#fetch({
      grant_type: "authorization_code",
      code: query.get("code"),
      redirect_uri: here(),
      code_verifier: started.verifier,
    });
  }

  // Gives a token that is good for a while; another one than before if that is doubted. It fails with SignedOut where only signing
  // in again helps.
  async token({ doubted = false } = {}) {
    if (!this.#session) throw new SignedOut("Sign in first.");
    if (doubted || Date.now() > this.#session.endsAt - EARLY) await this.#refresh();
    return this.#session.access;
  }

  out() {
    this.#session = null;
    keep("session", {});
  }

  // One refresh at a time: a provider may take a refresh token only once.
  #refresh() {
    const grant = { grant_type: "refresh_token", refresh_token: this.#session.refresh };
    this.#refreshing ??= this.#fetch(grant).finally(() => (this.#refreshing = null));
    return this.#refreshing;
  }

  async #fetch(grant) {
    const before = this.#session;
    const { token_endpoint: endpoint } = await this.#configuration();
    const { status, answer } = await ask(endpoint, {
      method: "POST",
      body: new URLSearchParams({ client_id: this.#client, ...grant }),
    });
    if (this.#session !== before) throw new SignedOut("You have signed out.");
    if (status !== 200) {
      this.out();
      throw new SignedOut("Your sign-in has ended. Sign in again.");
    }
    const claims = answer.id_token ? claimsOf(answer.id_token) : { name: before?.name, sub: before?.subject };
    this.#session = {
      issuer: this.#issuer,
      access: answer.access_token,
      refresh: answer.refresh_token ?? before?.refresh ?? "",
      name: claims.name ?? claims.sub,
      subject: claims.sub,
      scopes: (answer.scope ?? this.#scope).split(" "),
      endsAt: Date.now() + 1000 * (answer.expires_in ?? 300),
    };
    keep("session", this.#session);
  }

  async #configuration() {
    const { status, answer } = await ask(`${this.#issuer.replace(/\/$/, "")}/.well-known/openid-configuration`);
    if (status !== 200) throw new Error(SILENT);
    return answer;
  }
}

// Asks the provider. It fails where that has no answer now, and may have one later.
async function ask(address, options) {
  try {
    const response = await fetch(address, { ...options, signal: AbortSignal.timeout(PATIENCE) });
    if (response.status < 500 && response.status !== 429) return { status: response.status, answer: await response.json() };
  } catch {
    // The network, or an answer that is none.
  }
  throw new Error(SILENT);
}

// The address of this page, to which the provider sends back.
function here() {
  return location.origin + location.pathname;
}

function random() {
  return base64(crypto.getRandomValues(new Uint8Array(32)));
}

function base64(bytes) {
  const text = btoa(String.fromCharCode(...new Uint8Array(bytes)));
  return text.replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

// The claims of a token that came straight from the provider. They are for showing: the server verifies its own.
function claimsOf(token) {
  const text = atob(token.split(".")[1].replaceAll("-", "+").replaceAll("_", "/"));
  return JSON.parse(new TextDecoder().decode(Uint8Array.from(text, (c) => c.charCodeAt(0))));
}
