// Builds the sources into a temporary folder, once for each test process, and returns its address.

import { build } from "esbuild";
import { mangling } from "../internal-names.mjs";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const src = fileURLToPath(new URL("../src/", import.meta.url));
const out = mkdtempSync(join(tmpdir(), "gatesock-js-"));
process.on("exit", () => rmSync(out, { recursive: true, force: true }));

await build({
  entryPoints: readdirSync(src).filter((name) => name.endsWith(".ts")).map((name) => join(src, name)),
  outdir: out,
  format: "esm",
  target: "es2022",
  sourcemap: "inline",
  ...mangling, // as in the package
});

/** Imports one of the sources, such as "core". */
export const load = (name) => import(pathToFileURL(join(out, `${name}.js`)).href);
