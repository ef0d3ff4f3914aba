// Keyboard focus: who removes or hides what has it moves it on, so that it does not fall back to the page's start.

const places = [document.querySelector("#text"), document.querySelector("#name")];

// Makes a change. If that takes away what has the focus, the focus goes to a place, or where one goes on writing.
export function keepFocus(change, place = places.find(isShown)) {
  const focused = document.activeElement;
  change();
  if (focused && focused !== document.body && !isShown(focused)) place?.focus();
}

function isShown(element) {
  return element.getClientRects().length > 0;
}
