// The HTTP API of the workbench, and its stream.

export class ApiError extends Error {
  constructor(status, text, data) {
    super(text);
    this.status = status; // 0: no answer
    this.data = data ?? {};
  }
}

async function request(path, options) {
  try {
    return await fetch(`api/${path}`, options);
  } catch {
    throw new ApiError(0, "The program does not answer. Does it still run?");
  }
}

async function check(response) {
  if (response.ok) return response;
  const text = await response.text();
  let data;
  try {
    data = JSON.parse(text);
  } catch {
    data = {};
  }
  throw new ApiError(response.status, data.error || text || `The answer has the status ${response.status}.`, data);
}

async function call(method, path, body) {
  const options = { method };
  if (body !== undefined) Object.assign(options, { headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });
  const response = await check(await request(path, options));
  const text = await response.text();
  return text ? JSON.parse(text) : {};
}

const id = encodeURIComponent;
const query = (ids, more = {}) => new URLSearchParams([...ids.map((one) => ["connection", one]), ...Object.entries(more).filter(([, v]) => v)]);

export const api = {
  connections: () => call("GET", "connections"),
  connection: (one) => call("GET", `connections/${id(one)}`),
  connect: (client) => call("POST", "connections", client),
  send: (one, message) => call("POST", `connections/${id(one)}/messages`, message),
  post: (one, text) => call("POST", `connections/${id(one)}/post`, { text }),
  close: (one, how) => call("POST", `connections/${id(one)}/close`, how),
  addFault: (spec) => call("POST", "faults", spec),
  removeFault: (one) => call("DELETE", `faults/${id(one)}`),
  removeFaults: () => call("DELETE", "faults"),
  advance: (text) => call("POST", "clock", { advance: text }),
  fire: (one) => call("POST", `schedules/${id(one)}`),
  queue: (name, message) => call("POST", `queues/${id(name)}`, message),
  clear: () => call("POST", "clear"),
  harPath: (ids) => `api/export/har?${query(ids)}`,
  testPath: (ids, more) => `api/export/test?${query(ids, more)}`,
  text: async (path) => (await check(await request(path.slice("api/".length), {}))).text(),
};

// Reads the stream until it ends, which is an error. The position is "INSTANCE/SEQ" of the last
// entry that is known, or empty. on has a function for each kind of event; it gets the decoded data.
export async function read(position, on, signal) {
  const headers = position ? { "Last-Event-ID": position } : {};
  const response = await check(await request("stream?after=0", { headers, signal, cache: "no-store" }));
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  let begun = performance.now();
  for (;;) {
    let part;
    try {
      part = await reader.read();
    } catch {
      throw new ApiError(0, "The stream was interrupted.");
    }
    if (part.done) throw new ApiError(0, "The stream has ended.");
    const blocks = (rest + part.value).split("\n\n");
    rest = blocks.pop();
    for (const block of blocks) {
      dispatch(block, on);
      if (performance.now() - begun > 8) {
        await pause(); // the page draws and hears the keyboard in between
        begun = performance.now();
        if (signal.aborted) throw new ApiError(0, "The stream was given up.");
      }
    }
  }
}

function dispatch(block, on) {
  let kind = "message";
  let data = "";
  for (const line of block.split("\n")) {
    if (line.startsWith("event:")) kind = line.slice(6).trim();
    else if (line.startsWith("data:")) data += line.slice(line[5] === " " ? 6 : 5);
  }
  if (data) on[kind]?.(JSON.parse(data));
}

// Unlike a timer, a channel is not slowed down in a hidden tab.
function pause() {
  return new Promise((done) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      done();
    };
    port2.postMessage(0);
  });
}
