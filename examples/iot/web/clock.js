// The time of the server, whose times the page shows: the clock of this computer may be wrong.

let ahead = 0; // of the server, in ms

// Reads the header Date of an answer, which has whole seconds.
export function setClock(response) {
  const at = Date.parse(response.headers.get("Date") ?? "");
  if (Number.isNaN(at)) return;
  const difference = at + 500 - Date.now();
  ahead = Math.abs(difference) < 2_000 ? 0 : difference;
}

export const now = () => Date.now() + ahead;
