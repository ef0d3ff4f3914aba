// What the page keeps: for this tab, or for the browser. Storage can be denied, full or corrupt; the
// page then works without it.

const of = (storage) => ({
  load(key, fallback) {
    try {
      const value = JSON.parse(globalThis[storage].getItem(`iot ${key}`));
      return value !== null && typeof value === typeof fallback ? value : fallback;
    } catch {
      return fallback;
    }
  },
  keep(key, value) {
    try {
      globalThis[storage].setItem(`iot ${key}`, JSON.stringify(value));
    } catch {
      // Only a reload needs it.
    }
  },
});

export const tab = of("sessionStorage");
export const browser = of("localStorage");
