// Everything that the page draws is drawn here, once a frame, however many messages came since the
// last one. Draws write to the document and never read from it, so it is laid out once.

const waiting = new Set();
let frame = 0;

// Calls a function in the next frame. The same function is called once. A hidden page draws when it
// is shown again.
export function draw(run) {
  waiting.add(run);
  frame ||= requestAnimationFrame(all);
}

function all() {
  frame = 0;
  const now = [...waiting];
  waiting.clear();
  for (const run of now) run();
}

const ticks = new Set();
let timer = 0;

// Draws once a second, for what shows how long ago something was. Returns what ends it.
export function everySecond(run) {
  ticks.add(run);
  timer ||= setInterval(() => ticks.forEach(draw), 1_000);
  return () => {
    ticks.delete(run);
    waiting.delete(run);
    if (ticks.size === 0) timer = clearInterval(timer) ?? 0;
  };
}
