// Sign-in at an OpenID Connect provider: the authorization code flow with PKCE (RFC 6749, RFC
// 7636), which every provider offers to pages. The tab keeps the session.

import { keep, load } from "./storage.js";

const EARLY = 10_000; // ms before the expiry of a token to replace it
const RENEW_EARLY = 30_000; // ms before the expiry to send an open connection a new token
const PATIENCE = 10_000; // ms to wait for the provider

const SILENT = "The identity provider does not answer. Try again.";

// Nobody is signed in, or the sign-in has ended.
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

  // The signed-in person: {name, scopes}, or null.
  get who() {
    return this.#session && { name: this.#session.name, scopes: this.#session.scopes };
  }

  // The ms since the token has expired; negative if it has not.
  get expiredFor() {
    return Date.now() - (this.#session?.endsAt ?? 0);
  }

  // The ms until the token should be replaced: a while before its expiry, and at once only close to
  // it.
  get renewIn() {
    const left = (this.#session?.endsAt ?? 0) - Date.now();
    return Math.max(1_000, left > 2 * RENEW_EARLY ? left - RENEW_EARLY : left / 2);
  }

  // Leaves this page for the provider's. It returns only if the provider cannot be reached.
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

  // Handles the provider's answer in the address of this page, if there is one.
  async finish() {
    const query = new URLSearchParams(location.search);
    const started = load("signing in", {});
    if (!query.has("state") || (!query.has("code") && !query.has("error"))) return;
    keep("signing in", {});
    history.replaceState(null, "", here() + (started.hash ?? "")); // so that the history does not keep the code
    if (query.get("state") !== started.state) throw new Error("This sign-in was not started by this tab.");
    if (query.get("error") === "access_denied") throw new SignedOut("You have not signed in.");
    if (query.has("error")) throw new Error(`Signing in failed: ${query.get("error")}.`);
    await this.#fetch({
      grant_type: "authorization_code",
      code: query.get("code"),
      redirect_uri: here(),
      code_verifier: started.verifier,
    });
  }

  // Returns a token that is valid for a while, and a new one if the last one is doubted. It fails
  // with SignedOut if only a new sign-in helps.
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

// Asks the provider. It fails if the provider does not answer now, but may later.
async function ask(address, options) {
  try {
    const response = await fetch(address, { ...options, signal: AbortSignal.timeout(PATIENCE) });
    if (response.status < 500 && response.status !== 429) return { status: response.status, answer: await response.json() };
  } catch {
    // The network failed, or the answer is not JSON.
  }
  throw new Error(SILENT);
}

// The address of this page, which the provider redirects to.
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

// The claims of a token that came directly from the provider. They are only shown: the server
// verifies its own token.
function claimsOf(token) {
  const text = atob(token.split(".")[1].replaceAll("-", "+").replaceAll("_", "/"));
  return JSON.parse(new TextDecoder().decode(Uint8Array.from(text, (c) => c.charCodeAt(0))));
}
