// Serves SQS on a free port of 127.0.0.1, prints its URL, and ends when standard input ends, that is
// with the process that started it.
//
// It uses local-aws-sqs, which runs on Node 18 with two small packages; fauxqs needs Node 22.5 and the
// AWS SDK for JavaScript. local-aws-sqs speaks the JSON protocol of the SDKs, implements visibility
// timeouts, redrive policies and message limits, and accepts any access key. It does not know
// MessageSystemAttributeNames, the newer name of AttributeNames. It includes messages in flight in
// ApproximateNumberOfMessages. It would also count a ChangeMessageVisibility as another receive, so its
// code is changed in that place before it is loaded.
"use strict";
const fs = require("fs");
const Module = require("module");

const file = require.resolve("local-aws-sqs");
const parts = fs.readFileSync(file, "utf8").split("Number(t.record.attributes.ApproximateReceiveCount)+1;");
if (parts.length !== 2) {
	throw new Error("local-aws-sqs counts receives in another way than version 2.0.2: adapt server.cjs");
}
const changed = new Module(file, module);
changed.filename = file;
changed.paths = Module._nodeModulePaths(file);
changed._compile(parts.join("Number(t.record.attributes.ApproximateReceiveCount)+(i?0:1);"), file);
const { createSqsServer } = changed.exports;

createSqsServer({ hostname: "127.0.0.1", port: 0 }).then((server) => {
	console.log(`http://127.0.0.1:${server.address().port}`);
	process.stdin.on("close", () => process.exit(0));
	process.stdin.resume();
});
