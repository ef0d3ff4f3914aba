// Runs in a child process of gatesock: loads configuration files, and prints what they export. It
// reads requests from its standard input and writes replies to its standard output, one JSON object
// a line. What the files print goes to standard error.
"use strict";

const fs = require("node:fs");
const Module = require("node:module");
const path = require("node:path");
const readline = require("node:readline");
const { pathToFileURL } = require("node:url");

const reply = process.stdout.write.bind(process.stdout);
process.stdout.write = process.stderr.write.bind(process.stderr);

const service = process.cwd();
const fromService = Module.createRequire(path.join(service, "serverless.js"));
const scripts = [".ts", ".mts", ".cts", ".tsx", ".js", ".mjs", ".cjs", ".jsx", ".json"];
const typescript = new Set([".ts", ".mts", ".cts", ".tsx"]);
const loaded = new Set();

function send(message) {
  reply(JSON.stringify(message) + "\n");
}

/** Returns the first of some packages of the project, each a path of packages that need the next. */
function find(...paths) {
  for (const names of paths) {
    let from = fromService;
    try {
      for (const name of names.slice(0, -1)) from = Module.createRequire(from.resolve(name));
      return from(names[names.length - 1]);
    } catch {
      // The next one.
    }
  }
  return undefined;
}

/** Returns the function that makes CommonJS of TypeScript, or undefined. */
function transpiler() {
  const esbuild = find(
    ["esbuild"], ["serverless-esbuild", "esbuild"], ["tsx", "esbuild"], ["osls", "tsx", "esbuild"], ["vite", "esbuild"],
    ["esbuild-register/dist/node", "esbuild"],
  );
  if (esbuild) {
    return (code, file) =>
      esbuild.transformSync(code, {
        loader: file.endsWith("x") ? "tsx" : "ts",
        format: "cjs",
        target: "node" + process.versions.node,
        sourcefile: file,
        sourcemap: "inline",
        define: { "import.meta.url": "__gatesockURL", "import.meta.dirname": "__dirname", "import.meta.filename": "__filename" },
        logLevel: "silent",
      }).code;
  }
  const ts = find(["typescript"], ["ts-node", "typescript"], ["serverless-plugin-typescript", "typescript"]);
  if (ts) {
    return (code, file) =>
      ts.transpileModule(code, {
        fileName: file,
        compilerOptions: {
          module: ts.ModuleKind.CommonJS, target: ts.ScriptTarget.ES2020, esModuleInterop: true, inlineSourceMap: true,
        },
      }).outputText;
  }
  return undefined;
}

/** Returns the paths and the base of the imports in the project's tsconfig.json. */
function aliases() {
  const list = [];
  let file = path.join(service, "tsconfig.json");
  for (let i = 0; i < 5 && file; i++) {
    let text;
    try {
      text = fs.readFileSync(file, "utf8");
    } catch {
      break;
    }
    loaded.add(file);
    let config;
    try {
      config = (0, eval)("(" + text + "\n)"); // JSON with comments and trailing commas
    } catch {
      break;
    }
    const options = config.compilerOptions || {};
    const base = path.resolve(path.dirname(file), options.baseUrl || ".");
    for (const [pattern, targets] of Object.entries(options.paths || {})) {
      const [before, after] = pattern.split("*");
      list.push({ before, after, targets: targets.map((target) => path.resolve(base, target)) });
    }
    if (options.baseUrl) list.push({ before: "", after: "", targets: [path.join(base, "*")] });
    const parent = [config.extends].flat()[0];
    if (!parent) break;
    try {
      file = parent.startsWith(".")
        ? path.resolve(path.dirname(file), parent.endsWith(".json") ? parent : parent + ".json")
        : fromService.resolve(parent);
    } catch {
      break;
    }
  }
  return list;
}

/** Returns the file that a path without an extension, or with that of the output, stands for. */
function existing(name) {
  const stem = name.replace(/\.([mc]?)js$/, ".$1ts");
  const candidates = [name, stem, ...scripts.map((extension) => name + extension)];
  for (const extension of scripts) candidates.push(path.join(name, "index" + extension));
  return candidates.find((candidate) => fs.statSync(candidate, { throwIfNoEntry: false })?.isFile());
}

let imports;

/** Returns the file of an import that Node.js does not find, or undefined. */
function locate(request, parent) {
  if (request.startsWith(".") || path.isAbsolute(request)) {
    return existing(path.resolve(parent ? path.dirname(parent) : service, request));
  }
  imports ??= aliases();
  for (const { before, after, targets } of imports) {
    const exact = after === undefined;
    if (exact ? request !== before : !(request.startsWith(before) && request.endsWith(after))) continue;
    const middle = exact ? "" : request.slice(before.length, request.length - after.length);
    for (const target of targets) {
      const file = existing(target.replace("*", () => middle));
      if (file) return file;
    }
  }
  return undefined;
}

const resolveFilename = Module._resolveFilename;
Module._resolveFilename = function (request, parent, ...rest) {
  let file;
  try {
    file = resolveFilename.call(this, request, parent, ...rest);
  } catch (error) {
    if (error.code !== "MODULE_NOT_FOUND" || (parent?.filename ?? "").includes("node_modules")) throw error;
    file = locate(request, parent?.filename);
    if (!file) throw error;
  }
  if (path.isAbsolute(file) && !file.includes("node_modules")) loaded.add(file);
  return file;
};

const transpile = transpiler();
if (transpile) {
  const compile = (module, file) => {
    const code = transpile(fs.readFileSync(file, "utf8"), file);
    const url = "const __gatesockURL = require('node:url').pathToFileURL(__filename).href;";
    module._compile(code.includes("__gatesockURL") ? url + code : code, file);
  };
  for (const extension of typescript) Module._extensions[extension] = compile;
  // A file that is an ES module and that TypeScript requires.
  const plain = Module._extensions[".js"];
  Module._extensions[".js"] = Module._extensions[".jsx"] = (module, file) => {
    if (file.includes("node_modules")) return plain(module, file);
    try {
      return plain(module, file);
    } catch (error) {
      if (error.code !== "ERR_REQUIRE_ESM" && !(error instanceof SyntaxError)) throw error;
      return compile(module, file);
    }
  };
  Module._extensions[".mjs"] = compile;
} else if (Module.registerHooks) {
  Module.registerHooks({
    resolve(specifier, context, next) {
      try {
        return next(specifier, context);
      } catch (error) {
        const parent = context.parentURL?.startsWith("file:") ? require("node:url").fileURLToPath(context.parentURL) : undefined;
        const file = parent?.includes("node_modules") ? undefined : locate(specifier, parent);
        if (!file) throw error;
        return next(pathToFileURL(file).href, context);
      }
    },
  });
}

async function load(file) {
  if (typescript.has(path.extname(file)) && !transpile && !process.features.typescript) {
    throw Object.assign(
      new Error(
        `Node.js ${process.versions.node} does not run TypeScript. Install esbuild in the project ` +
          "(npm install --save-dev esbuild), or use Node.js 22.18 or later.",
      ),
      { plain: true },
    );
  }
  loaded.add(file);
  if (path.extname(file) === ".mjs" && !transpile) return import(pathToFileURL(file).href);
  try {
    return require(file);
  } catch (error) {
    if (error.code !== "ERR_REQUIRE_ESM" && error.code !== "ERR_REQUIRE_ASYNC_MODULE") throw error;
    return import(pathToFileURL(file).href);
  }
}

/** Returns what a module exports for people: the default, unless it has only names. */
function exported(module) {
  const isModule = module && (module.__esModule || module[Symbol.toStringTag] === "Module");
  return isModule && module.default !== undefined ? module.default : module;
}

const calls = new Map();
let lastCall = 0;

/** Asks the parent for the value of a variable or of a property. */
function ask(what) {
  return new Promise((resolve, reject) => {
    const id = ++lastCall;
    calls.set(id, { resolve, reject });
    send({ call: id, ...what });
  });
}

const context = (options) => ({
  options: options ?? {},
  resolveVariable: (variable) => ask({ variable: String(variable) }),
  resolveConfigurationProperty: (keys) => ask({ keys: [keys].flat().map(String) }),
});

async function file(request) {
  const module = await load(request.file);
  let value = request.address && module && exported(module) !== module && request.address.split(".")[0] in module
    ? module : exported(module);
  let called = false;
  const call = async () => {
    if (typeof value === "function" && !called) {
      called = true;
      value = await value(context(request.options));
    }
    value = await value;
  };
  await call();
  for (const key of request.address ? request.address.split(".") : []) {
    if (value === null || value === undefined) break;
    value = value[key];
    await call();
  }
  return value;
}

async function config(request) {
  let value = exported(await load(request.file));
  if (typeof value === "function") value = await value(context(request.options));
  return value;
}

/** Returns a value as it is in JSON: without functions, and without what refers to itself. */
function plain(value) {
  const open = [];
  return JSON.parse(JSON.stringify(value, function (key, member) {
    while (open.length && open[open.length - 1] !== this) open.pop();
    if (typeof member === "bigint") return String(member);
    if (typeof member !== "object" || member === null) return member;
    if (open.includes(member)) throw Object.assign(new Error(`its property ${key} contains itself`), { plain: true });
    open.push(member);
    return member;
  }) ?? "null");
}

/** Returns an error in one line, with the place in the project's files. */
function describe(error) {
  const failed = error?.errors?.[0]; // of esbuild
  if (failed?.location) return `${failed.text} (${failed.location.file}:${failed.location.line}:${failed.location.column + 1})`;
  const message = String(error?.message ?? error).split("\n")[0];
  if (error?.plain) return message;
  const lines = String(error?.stack ?? "").split("\n");
  const own = (line) => /[/\\].*:\d+/.test(line) && !/node:internal|node:fs|\[eval\]|node_modules/.test(line);
  const frame = error instanceof SyntaxError ? lines.find(own) : lines.filter((line) => /^\s+at /.test(line)).find(own);
  const place = frame?.replace(/^\s+at (?:.*\()?/, "").replace(/\)$/, "").replace(/^file:\/\//, "");
  const name = error?.name && error.name !== "Error" ? error.name + ": " : "";
  return name + message + (place ? ` (${path.relative(service, place)})` : "");
}

readline.createInterface({ input: process.stdin }).on("line", async (line) => {
  const request = JSON.parse(line);
  if (request.call) {
    const { resolve, reject } = calls.get(request.call);
    calls.delete(request.call);
    if (request.error) reject(new Error(request.error));
    else resolve(request.value);
    return;
  }
  const message = { id: request.id };
  try {
    message.value = plain(await (request.config ? config : file)(request));
  } catch (error) {
    message.error = describe(error);
  }
  message.files = [...loaded];
  send(message);
}).on("close", () => process.exit(0));
process.on("uncaughtException", (error) => send({ fatal: describe(error) }));
process.on("unhandledRejection", (error) => send({ fatal: describe(error) }));
