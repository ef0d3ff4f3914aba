// Usage: scripts/npm-tools cloudformation.cjs TEMPLATE...
// Validates CloudFormation templates, offline. Prints each finding as a line of JSON with the members
// file, ruleId, severity ("FATAL", "ERROR", "WARN", "INFO" or "DEBUG") and message, and where they are known
// entity.logicalId, propertyPath and startLine (StandardDiagnostic in the package's README). Prints nothing for templates without findings.
"use strict";
const { RegoEngine, TemplateFile } = require("@aws/cloudformation-validate");

const engine = new RegoEngine();
for (const file of process.argv.slice(2)) {
	const report = engine.validateStandard(new TemplateFile(file));
	if (report.status !== "OK") {
		throw new Error(`${file}: the validator ended with the status ${report.status}`);
	}
	for (const d of report.diagnostics) {
		console.log(JSON.stringify({ file, ...d }));
	}
}
engine.free();
