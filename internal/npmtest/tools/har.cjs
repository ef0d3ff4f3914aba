// Usage: scripts/npm-tools har.cjs ARCHIVE...
// Validates HTTP Archives (HAR 1.2). Prints each finding as a line of JSON with the members file, path
// and message. Prints nothing for archives without findings.
"use strict";
const { readFileSync } = require("node:fs");
const Ajv = require("ajv").default;
const addFormats = require("ajv-formats").default;
const schemas = require("har-schema");

// The schemas have formats and keywords of JSON Schema draft 6, and no types where newer drafts want
// them.
const ajv = new Ajv({ allErrors: true, strict: false });
addFormats(ajv);
ajv.addMetaSchema(require("ajv/dist/refs/json-schema-draft-06.json"));
for (const schema of Object.values(schemas)) ajv.addSchema(schema);
const validate = ajv.getSchema(schemas.har.$id);

for (const file of process.argv.slice(2)) {
	if (validate(JSON.parse(readFileSync(file, "utf8")))) continue;
	for (const e of validate.errors) console.log(JSON.stringify({ file, path: e.instancePath, message: e.message }));
}
