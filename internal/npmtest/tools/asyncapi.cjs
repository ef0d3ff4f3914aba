// Usage: scripts/npm-tools asyncapi.cjs DOCUMENT...
// Validates AsyncAPI documents. Prints each finding as a line of JSON with the members file, code,
// severity (0 is an error, 1 a warning, 2 information, 3 a hint), message and path. Prints nothing for
// documents without findings.
"use strict";
const { readFileSync } = require("node:fs");
const ajv = require("@stoplight/spectral-functions/dist/schema/ajv");
const { Parser } = require("@asyncapi/parser");

// Without this, the parser compiles the schema of AsyncAPI again for each document, which takes most
// of its time. Compiled schemas are kept by $id, so documents must not have different ones with the
// same $id.
const instances = ajv.createAjvInstances();
ajv.createAjvInstances = () => instances;

async function main(files) {
	const parser = new Parser();
	for (const file of files) {
		for (const d of await parser.validate(readFileSync(file, "utf8"))) {
			console.log(JSON.stringify({ file, code: d.code, severity: d.severity, message: d.message, path: d.path }));
		}
	}
}

main(process.argv.slice(2)).catch((err) => {
	console.error(err);
	process.exit(1);
});
