// What the tab keeps over a reload. Storage can be denied, full or corrupt: the page then works
// without it.

// Returns the value under a key, or the fallback if it is missing or of another type.
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
    // Only a reload needs it.
  }
}
