// What the tab keeps over a reload. Storage can be refused, full or spoilt: the page then goes on without it.

// Gives what is kept under a key, or the fallback if that is not there or is of another type.
export function load(key, fallback) {
  try {
    const value = JSON.parse(sessionStorage.getItem(key));
    const isRight = value !== null && typeof value === typeof fallback && Array.isArray(value) === Array.isArray(fallback);
    return isRight ? value : fallback;
  } catch {
    return fallback;
  }
}

export function keep(key, value) {
  try {
    sessionStorage.setItem(key, JSON.stringify(value));
  } catch {
    // Only a reload would have needed it.
  }
}
