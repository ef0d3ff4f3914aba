// Keyboard focus. Code that removes or hides the focused element moves the focus on, so that it
// does not fall back to the start of the page.

const places = [document.querySelector("#text"), document.querySelector("#name")];

// Makes a change. If that removes the focused element, the focus moves to a given place, or to the
// field for text.
export function keepFocus(change, place = places.find(isShown)) {
  const focused = document.activeElement;
  change();
  if (focused && focused !== document.body && !isShown(focused)) place?.focus();
}

function isShown(element) {
  return element.getClientRects().length > 0;
}
