// Runs a handler for Node.js as Lambda's managed runtimes do, for Node.js 18 and newer:
//
//	node index.mjs SETTINGS
//
// The settings are JSON: see type nodeSettings in node.go. What a handler is, how it ends and what an
// error looks like is Lambda's; the sentences that say what to do are ours.

import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import http from 'node:http';
import * as modules from 'node:module';
import path from 'node:path';
import { Writable } from 'node:stream';
import { pathToFileURL } from 'node:url';
import util from 'node:util';

const settings = JSON.parse(process.argv[2]);
process.argv.splice(2, 1);

// Applications may replace these.
const { request, Agent } = http;
const logError = console.error.bind(console);
const exit = process.exit.bind(process);

const streaming = Symbol.for('aws.lambda.runtime.handler.streaming');

class RuntimeError extends Error {
  constructor(type, message, stack) {
    super(message);
    this.name = `Runtime.${type}`;
    const own = `${this.name}: ${message}`;
    this.stack = stack ? `${own}\n${stack}` : own;
  }
}

// ---- The Runtime API

// api has one connection, on which one request follows the other.
const api = {
  agent: new Agent({ keepAlive: true, maxSockets: 1 }),

  // open starts a request. The promise is of its response, whose body is read.
  open(method, name, headers, agent = this.agent) {
    const [host, port] = process.env.AWS_LAMBDA_RUNTIME_API.split(':');
    let sent;
    const response = new Promise((resolve, reject) => {
      sent = request(
        { agent, host, port, method, path: `/2018-06-01/runtime/${name}`, headers },
        (answer) => {
          const parts = [];
          answer.on('data', (part) => parts.push(part));
          answer.on('end', () => resolve({ status: answer.statusCode, headers: answer.headers, body: Buffer.concat(parts) }));
          answer.on('error', reject);
        },
      );
      sent.on('error', reject);
    });
    return { sent, response };
  },

  async send(method, name, headers, body, agent) {
    const { sent, response } = this.open(method, name, headers, agent);
    sent.end(body);
    return response;
  },

  async next() {
    const { status, headers, body } = await this.send('GET', 'invocation/next');
    if (status !== 200) throw new Error(`the Runtime API answered ${status} when asked for the next invocation`);
    return { id: headers['lambda-runtime-aws-request-id'], headers, body };
  },

  async respond(id, text) {
    const body = Buffer.from(text);
    const answer = await this.send('POST', `invocation/${id}/response`, {
      'Content-Type': 'application/json',
      'Content-Length': body.length,
    }, body);
    // The Runtime API refuses a response that is too large, and reports that itself.
    if (answer.status >= 400) logError(`The response was refused: ${answer.body}`);
  },

  async fail(name, error, agent) {
    const shape = shapeOf(error);
    const body = Buffer.from(JSON.stringify(shape));
    await this.send('POST', name, {
      'Content-Type': 'application/vnd.aws.lambda.error+json',
      'Content-Length': body.length,
      'Lambda-Runtime-Function-Error-Type': encodeURIComponent(shape.errorType),
    }, body, agent);
  },
};

// shapeOf returns what the caller of the function gets for an error.
function shapeOf(error) {
  try {
    if (util.types.isNativeError(error) || [error?.name, error?.message, error?.stack].every(isText)) {
      return { errorType: String(error.name), errorMessage: String(error.message), trace: ownStack(error.stack) };
    }
    return { errorType: typeof error, errorMessage: error.toString(), trace: [] };
  } catch {
    return {
      errorType: 'handled',
      errorMessage: 'the handler failed with a value that is not an error and has no text, such as undefined',
      trace: [],
    };
  }
}

// ownStack returns the lines of a stack without those of this file, which say nothing of the application.
function ownStack(stack) {
  return String(stack).split('\n').filter((line) => !line.includes(import.meta.url));
}

// report writes an error to standard error.
function report(title, error) {
  const shown = error instanceof RuntimeError ? error.stack : util.inspect(error);
  logError(...[title, ownStack(shown).join('\n')].filter(Boolean));
}

function isText(value) {
  return typeof value === 'string' && value !== '';
}

// ---- Errors that no invocation catches

// fate says whom an error concerns that nobody has caught: the initialization, then the invocation.
let fate = 'init/error';

let ending = false;

async function end(code, error) {
  ending = true;
  try {
    // The connection may be taken by a response that has begun.
    if (fate) await api.fail(fate, error, false);
  } catch (failed) {
    logError('The Runtime API cannot be told:', failed.message);
  }
  exit(code);
}

process.on('uncaughtException', (error) => {
  report('Uncaught Exception', error);
  void end(129, error);
});

process.on('unhandledRejection', (reason) => {
  const text = util.types.isNativeError(reason) ? `${reason.name}: ${reason.message}` : textOf(reason);
  const error = new RuntimeError('UnhandledPromiseRejection', text, reason?.stack);
  report('Unhandled Promise Rejection', reason);
  void end(128, error);
});

function textOf(value) {
  try {
    return String(value);
  } catch {
    return Object.prototype.toString.call(value);
  }
}

// whenIdle is called when the event loop has nothing left to do, and the process would exit.
let whenIdle = null;
process.on('beforeExit', () => {
  const call = whenIdle;
  whenIdle = null;
  call?.();
});

// ---- The handler's module

// load returns the handler.
async function load() {
  const name = process.env._HANDLER || settings.handler;
  if (name.includes('..')) {
    throw new RuntimeError('MalformedHandlerName', `'${name}' is not a valid handler name: it must not contain "..".`);
  }
  const base = path.basename(name);
  const dot = base.indexOf('.');
  if (dot < 0) {
    throw new RuntimeError('MalformedHandlerName',
      `'${name}' is not a valid handler name: it needs a file and a function, such as app.handler.`);
  }
  const folder = name.slice(0, name.length - base.length);
  const { loaded, file } = await loadModule(folder, base.slice(0, dot));
  const keys = base.slice(dot + 1).split('.');
  const handler = keys.reduce((value, key) => value?.[key], loaded);
  if (typeof handler === 'function') return handler;
  const exported = Object.keys(loaded ?? {});
  const has = exported.length ? `It exports ${exported.join(', ')}.` : 'It exports nothing.';
  const what = handler ? 'is not a function' : 'is undefined or not exported';
  throw new RuntimeError('HandlerNotFound', `${name} ${what} in ${file}. ${has}`);
}

async function loadModule(folder, module) {
  const found = findModule(folder, module);
  try {
    return { loaded: found.required ? requireFile(found.file) : await import(pathToFileURL(found.file)), file: found.file };
  } catch (error) {
    throw loadError(error, found.file);
  }
}

// findModule returns the file of the handler's module, in the order in which Lambda looks.
function findModule(folder, module) {
  if (settings.file) return { file: settings.file, required: isRequired(settings.file) };
  const place = placeOf(folder);
  const looked = [];
  for (const extension of ['', '.js', '.mjs', '.cjs']) {
    const file = path.join(place, module + extension);
    if (fs.statSync(file, { throwIfNoEntry: false })?.isFile()) return { file, required: isRequired(file) };
    looked.push(path.relative(settings.task, file));
  }
  try {
    const { resolve } = modules.createRequire(path.join(settings.task, 'index.js'));
    const file = resolve(module, { paths: [settings.task, place] });
    return { file, required: !file.endsWith('.mjs') };
  } catch {
    throw new RuntimeError('ImportModuleError',
      `Error: Cannot find module '${module}' of the handler in ${settings.task}. Looked at ${looked.join(', ')}.`);
  }
}

// placeOf returns a folder of the code or, named by its path on Lambda, of a layer.
function placeOf(folder) {
  for (const [prefix, here] of [['/opt/', settings.layer], ['/var/task/', settings.task]]) {
    if (here && folder.startsWith(prefix)) return path.join(here, folder.slice(prefix.length));
  }
  return path.join(settings.task, folder);
}

// isRequired reports whether a file is CommonJS, going by its name.
function isRequired(file) {
  const extension = path.extname(file);
  return !['.mjs', '.ts', '.mts', '.cts'].includes(extension) && !(extension === '.js' && typeOf(path.dirname(file)) === 'module');
}

// typeOf returns the "type" of the package that a folder belongs to.
function typeOf(folder) {
  for (let at = folder; path.basename(at) !== 'node_modules'; at = path.dirname(at)) {
    const manifest = path.join(at, 'package.json');
    try {
      return JSON.parse(fs.readFileSync(manifest, 'utf8'))?.type;
    } catch (error) {
      // Node.js does not load anything beside it either.
      if (error instanceof SyntaxError) throw new RuntimeError('UserCodeSyntaxError', `Error parsing ${manifest}: ${error.message}`);
    }
    if (at === path.dirname(at)) break;
  }
  return undefined;
}

// requireFile loads a file in the way of CommonJS. A .js file of a package without a type that turns
// out to be an ES module is one for newer versions of Node.js.
function requireFile(file) {
  return modules.createRequire(file)(file);
}

// loadError says what is wrong with the application's code.
function loadError(error, file) {
  const text = `${error?.name}: ${error?.message}`;
  if (error instanceof SyntaxError) {
    let hint = '';
    if (/import statement outside a module|Unexpected token 'export'/.test(error.message)) {
      hint = ' The file is CommonJS for Node.js: rename it to .mjs, or write "type": "module" into package.json.';
    }
    return new RuntimeError('UserCodeSyntaxError', text + hint, syntaxErrorPlace(error, file));
  }
  if (error?.code === 'MODULE_NOT_FOUND' || error?.code === 'ERR_MODULE_NOT_FOUND') {
    return new RuntimeError('ImportModuleError', text + missingHint(error.message, file), error.stack);
  }
  return error;
}

// syntaxErrorPlace returns the stack of a syntax error, with file and line. Errors in ES modules do not
// have these; Node.js prints them if nobody catches the error. Nothing of the modules has run then.
function syntaxErrorPlace(error, file) {
  const inner = error.stack.split('\n').filter((line) => !/^ +at .*(node:internal|\(<anonymous>)/.test(line));
  if (inner.some((line) => /^(file:|\/|[A-Z]:\\).*:\d+$/.test(line))) return inner.join('\n');
  const again = spawnSync(process.execPath, ['--input-type=module', '-e', `await import(${JSON.stringify(pathToFileURL(file).href)})`],
    { encoding: 'utf8', timeout: 5000 });
  const place = again.stderr?.split(/^SyntaxError/m)[0].trim() ?? '';
  return [/:\d+$/m.test(place) ? `${place}\n` : '', ...inner].filter(Boolean).join('\n');
}

// missingHint says where a missing package should come from.
function missingHint(message, file) {
  const specifier = /Cannot find (?:module|package) '([^']+)'/.exec(message)?.[1];
  if (!specifier || /^\.{0,2}\/|^[a-z]+:/i.test(specifier)) return '';
  const name = specifier.split('/').slice(0, specifier.startsWith('@') ? 2 : 1).join('/');
  if (/^(aws-sdk$|@aws-sdk\/)/.test(name)) {
    const carried = settings.sdk === 3 ? '@aws-sdk/*' : 'aws-sdk';
    if ((name === 'aws-sdk') === (settings.sdk === 3)) {
      return ` ${settings.runtime} carries ${carried} only: add ${name} to package.json and install it.`;
    }
    return ` Add ${name} to package.json and install it.`;
  }
  const manifest = nearest(path.dirname(file), 'package.json');
  try {
    const { dependencies, devDependencies } = JSON.parse(fs.readFileSync(manifest, 'utf8'));
    if (name in { ...devDependencies, ...dependencies }) return ` ${manifest} has it: run "npm install" in ${path.dirname(manifest)}.`;
  } catch {
    // There is no package.json that could name it.
  }
  return ` Add ${name} to the dependencies in package.json and install it.`;
}

function nearest(folder, name) {
  for (let at = folder; ; at = path.dirname(at)) {
    const file = path.join(at, name);
    if (fs.existsSync(file) || at === path.dirname(at)) return file;
  }
}

// ---- Invocations

// contextOf returns the second argument of a handler.
function contextOf({ id, headers }) {
  const deadline = Number(headers['lambda-runtime-deadline-ms']);
  return {
    callbackWaitsForEmptyEventLoop: true,
    functionVersion: process.env.AWS_LAMBDA_FUNCTION_VERSION,
    functionName: process.env.AWS_LAMBDA_FUNCTION_NAME,
    memoryLimitInMB: process.env.AWS_LAMBDA_FUNCTION_MEMORY_SIZE,
    logGroupName: process.env.AWS_LAMBDA_LOG_GROUP_NAME,
    logStreamName: process.env.AWS_LAMBDA_LOG_STREAM_NAME,
    clientContext: parsed(headers['lambda-runtime-client-context']),
    identity: parsed(headers['lambda-runtime-cognito-identity']),
    invokedFunctionArn: headers['lambda-runtime-invoked-function-arn'],
    awsRequestId: id,
    tenantId: headers['lambda-runtime-aws-tenant-id'],
    getRemainingTimeInMillis: () => deadline - Date.now(),
  };
}

function parsed(text) {
  return text === undefined ? undefined : JSON.parse(text);
}

// call invokes a handler. The promise is of its result, whatever form the handler has.
function call(handler, event, context) {
  return new Promise((resolve, reject) => {
    const settle = (settled, value) => {
      whenIdle = null;
      settled(value);
    };
    const done = (error, result) => (error === undefined || error === null ? settle(resolve, result) : settle(reject, error));
    const callback = (error, result) => {
      if (error !== undefined && error !== null || !context.callbackWaitsForEmptyEventLoop) done(error, result);
      else whenIdle = () => setImmediate(done, null, result);
    };
    context.done = warned('context.done', done);
    context.succeed = warned('context.succeed', (result) => done(null, result));
    context.fail = warned('context.fail', (error) => done(error ?? 'handled'));

    // If nothing is left to do, no reply will come. Lambda forgives only handlers that are not async.
    whenIdle = () => {
      if (handler.constructor?.name !== 'AsyncFunction') done(null, null);
      else {
        done(new RuntimeError('NodeJsExit',
          'The handler has not returned, and nothing is left to do. Most likely it awaits a promise that nobody settles.'));
      }
    };
    try {
      const result = handler(event, context, callback);
      if (typeof result?.then === 'function') result.then((value) => done(null, value), (error) => done(error ?? 'handled'));
    } catch (error) {
      done(error ?? 'handled');
    }
  });
}

// warned returns a function that says once that Lambda does not have it in the runtime of the function.
const warnings = new Set();
function warned(name, call) {
  return (...args) => {
    warn(name);
    return call(...args);
  };
}

function warn(name) {
  if (settings.callbacks || warnings.has(name)) return;
  warnings.add(name);
  logError(`warning: ${settings.runtime} has no ${name}: the handler has to return a promise. On AWS this fails.`);
}

async function invoke(handler, invocation) {
  const { id, body, headers } = invocation;
  const trace = headers['lambda-runtime-trace-id'];
  if (trace) process.env._X_AMZN_TRACE_ID = trace;
  else delete process.env._X_AMZN_TRACE_ID;
  fate = `invocation/${id}/error`;
  let reply;
  try {
    const event = JSON.parse(body.toString());
    const context = contextOf(invocation);
    if (handler[streaming] === 'response') await stream(handler, event, context, id);
    else {
      const result = text(await call(handler, event, context));
      reply = () => api.respond(id, result);
    }
  } catch (error) {
    report('Invoke Error', error);
    reply = () => api.fail(`invocation/${id}/error`, error);
  }
  await reply?.();
  fate = '';
}

function text(result) {
  try {
    return JSON.stringify(result) ?? 'null';
  } catch (error) {
    throw new Error(`Unable to stringify response body as json: ${error.message}`);
  }
}

// ---- Responses in parts

// ResponseStream is what a streaming handler writes to. The response begins with the first part.
class ResponseStream extends Writable {
  #id;
  #type = 'application/octet-stream';
  #opened = null;
  #failure = null;

  constructor(id) {
    super();
    this.#id = id;
  }

  setContentType(type) {
    this.#type = type;
  }

  get begun() {
    return this.#opened !== null;
  }

  #open() {
    if (this.#opened) return this.#opened;
    this._onBeforeFirstWrite?.((part) => this.#start().sent.write(part));
    return this.#start();
  }

  #start() {
    this.#opened ??= api.open('POST', `invocation/${this.#id}/response`, {
      'Content-Type': this.#type,
      'Lambda-Runtime-Function-Response-Mode': 'streaming',
      'Transfer-Encoding': 'chunked',
      Trailer: ['Lambda-Runtime-Function-Error-Type', 'Lambda-Runtime-Function-Error-Body'],
    });
    return this.#opened;
  }

  _write(part, _encoding, next) {
    this.#open().sent.write(part, next);
  }

  _final(next) {
    this.#finish().then(() => next(), next);
  }

  async #finish() {
    const { sent, response } = this.#open();
    if (this.#failure) {
      sent.addTrailers({
        'Lambda-Runtime-Function-Error-Type': encodeURIComponent(this.#failure.errorType),
        'Lambda-Runtime-Function-Error-Body': Buffer.from(JSON.stringify(this.#failure)).toString('base64'),
      });
    }
    sent.end();
    await response;
  }

  // fail ends a response that has begun, after what was written.
  fail(error) {
    this.#failure = shapeOf(error);
    this.end();
  }
}

async function stream(handler, event, context, id) {
  const target = new ResponseStream(id);
  const ended = new Promise((resolve, reject) => target.on('close', resolve).on('error', reject));
  ended.catch(() => {}); // the handler may fail first
  try {
    const stuck = new Promise((_resolve, reject) => {
      whenIdle = () => reject(new RuntimeError('NodeJsExit', 'The response stream was not ended, and nothing is left to do.'));
    });
    const result = handler(event, target, context);
    if (typeof result?.then !== 'function') throw new Error('Streaming does not support handlers that are not async.');
    await Promise.race([result, stuck]);
    if (!target.writableEnded) throw new Error('The response stream was not ended.');
    await Promise.race([ended, stuck]);
  } catch (error) {
    if (!target.begun) throw error;
    report('Invoke Error', error);
    if (target.destroyed) return;
    target.fail(error);
    await ended;
  } finally {
    whenIdle = null;
  }
}

globalThis.awslambda = {
  streamifyResponse(handler) {
    handler[streaming] = 'response';
    return handler;
  },
  HttpResponseStream: {
    // from returns a stream whose first part has the status and the headers of an HTTP response.
    from(target, prelude) {
      target.setContentType('application/vnd.awslambda.http-integration-response');
      target._onBeforeFirstWrite = (write) => write(Buffer.concat([Buffer.from(JSON.stringify(prelude)), Buffer.alloc(8)]));
      return target;
    },
  },
};

// ---- The beginning

function supplyModules() {
  const own = settings.modules;
  process.env.NODE_PATH = [process.env.NODE_PATH, ...own].filter(Boolean).join(path.delimiter);
  modules.Module._initPaths(); // reads NODE_PATH again
  if (!own.length && !settings.typescript) return;
  const data = {
    folders: own.map((folder) => pathToFileURL(path.join(path.dirname(folder), 'index.mjs')).href),
    typescript: settings.typescript,
  };
  const hooks = new URL('hooks.mjs', import.meta.url);
  if (modules.registerHooks) {
    return import(hooks).then(({ initialize, resolveSync }) => {
      initialize(data);
      modules.registerHooks({ resolve: resolveSync });
    });
  }
  modules.register?.(hooks, { data }); // Node.js 18.19, 20.6 and newer
}

async function main() {
  let handler;
  try {
    await supplyModules();
    handler = await load();
  } catch (error) {
    report('', error);
    await end(129, error);
    return;
  }
  if (handler.length > 2 && handler[streaming] !== 'response') warn('callbacks');
  for (;;) {
    let invocation;
    await new Promise(setImmediate); // rejections that nobody handles are reported first
    if (ending) return;
    try {
      invocation = await api.next();
    } catch (error) {
      logError(`gatesock: the Runtime API is gone: ${error.message}`);
      exit(1);
    }
    await invoke(handler, invocation);
  }
}

void main();
