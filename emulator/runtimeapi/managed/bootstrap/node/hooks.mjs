// Where modules are looked for that the importing file does not find by itself: in the node_modules
// of layers and of the AWS SDK. CommonJS has NODE_PATH for that; ES modules ignore it, and Lambda's
// runtimes have a hook as this one.
//
// TypeScript that Node.js runs by itself also gets what its authors know from bundlers: './lib' and
// './lib.js' are lib.ts if there is no such JavaScript.

let settings = { folders: [], typescript: false };

/** Takes what index.mjs passes to module.register, in the thread of the hooks. */
export function initialize(data) {
  settings = data;
}

/** The hook for module.register. */
export async function resolve(specifier, context, nextResolve) {
  let first;
  for (const [name, from] of attempts(specifier, context)) {
    try {
      return await nextResolve(name, from);
    } catch (error) {
      if (!isMissing(error)) throw error;
      first ??= error;
    }
  }
  throw first;
}

/** The same hook for module.registerHooks, which wants no promise. */
export function resolveSync(specifier, context, nextResolve) {
  let first;
  for (const [name, from] of attempts(specifier, context)) {
    try {
      return nextResolve(name, from);
    } catch (error) {
      if (!isMissing(error)) throw error;
      first ??= error;
    }
  }
  throw first;
}

// attempts lists what to resolve, in order. The first is what the code says, so that what the project
// has itself always wins. The parents of the others are files that need not exist, each beside a
// node_modules.
function* attempts(specifier, context) {
  yield [specifier, context];
  if (/^\.{0,2}\/|^[a-z]+:/i.test(specifier)) {
    if (settings.typescript) yield* sources(specifier, context);
    return;
  }
  for (const parentURL of settings.folders) yield [specifier, { ...context, parentURL }];
}

function* sources(specifier, context) {
  const plain = specifier.replace(/\.([cm]?)js$/, '');
  if (plain !== specifier) yield [specifier.replace(/js$/, 'ts'), context];
  else for (const end of ['.ts', '.js', '/index.ts', '/index.js']) yield [specifier + end, context];
}

function isMissing(error) {
  return ['ERR_MODULE_NOT_FOUND', 'MODULE_NOT_FOUND', 'ERR_UNSUPPORTED_DIR_IMPORT'].includes(error?.code);
}
