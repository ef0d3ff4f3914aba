// Builds dist/ from src/: one module of JavaScript for each file, by esbuild, and its declarations,
// by tsc. Nothing is bundled or minified, so that stack traces can be read and the app's own bundler
// leaves out what the app does not use. There are no source maps: the modules are the sources without
// their types and comments, and with short names of internal members.
//
//   node build.mjs          checks the types and builds
//   node build.mjs --quick  builds the JavaScript only, and checks nothing
//
// A file is replaced at once, and only if it changes: programs that use dist/ go on meanwhile.
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { mangling } from "./internal-names.mjs";

const quick = process.argv.includes("--quick");
const folder = fileURLToPath(new URL(".", import.meta.url));
const dist = join(folder, "dist");
mkdirSync(dist, { recursive: true });
const work = mkdtempSync(join(folder, ".build-"));
try {
  const files = await modules();
  if (!quick) {
    for (const [name, text] of declarations()) {
      files.set(name, text);
    }
  }
  for (const [name, text] of files) {
    replace(name, text);
  }
  for (const name of readdirSync(dist)) {
    if (!files.has(name) && !(quick && name.endsWith(".d.ts"))) {
      rmSync(join(dist, name), { recursive: true, force: true });
    }
  }
} catch (e) {
  console.error(`build: ${e.message}`);
  process.exitCode = 1;
} finally {
  rmSync(work, { recursive: true, force: true });
}

/** Returns the modules, by name. */
async function modules() {
  const names = readdirSync(join(folder, "src")).filter((name) => name.endsWith(".ts"));
  const { outputFiles } = await build({
    absWorkingDir: folder, entryPoints: names.map((name) => `src/${name}`), outdir: "dist", write: false,
    format: "esm", target: "es2022", charset: "utf8", logLevel: "warning", ...mangling,
  });
  return new Map(outputFiles.map((f) => [basename(f.path), f.text]));
}

/** Returns the declarations, by name. */
function declarations() {
  const tsc = join(folder, "node_modules", "typescript", "bin", "tsc");
  const run = spawnSync(process.execPath, [tsc, "-p", "tsconfig.json", "--outDir", work], { cwd: folder, stdio: "inherit" });
  if (run.error || run.status !== 0) {
    throw run.error ?? new Error("tsc has findings");
  }
  return readdirSync(work).map((name) => [name, readFileSync(join(work, name), "utf8")]);
}

function replace(name, text) {
  const file = join(dist, name);
  try {
    if (readFileSync(file, "utf8") === text) {
      return;
    }
  } catch {
    // It is not there.
  }
  const fresh = join(work, `${name}.new`);
  writeFileSync(fresh, text);
  renameSync(fresh, file);
}
