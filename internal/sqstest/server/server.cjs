// Serves SQS on a free port of 127.0.0.1, prints its URL, and ends when standard input ends, that is
// with the process that started it.
//
// It uses local-aws-sqs, which runs on Node 18 with two small packages; fauxqs needs Node 22.5 and the
// AWS SDK for JavaScript. local-aws-sqs speaks the JSON protocol of the SDKs, implements visibility
// timeouts, redrive policies and message limits, and accepts any access key. It does not know
// MessageSystemAttributeNames, the newer name of AttributeNames. It counts a ChangeMessageVisibility as
// another receive, and includes messages in flight in ApproximateNumberOfMessages.
"use strict";
const { createSqsServer } = require("local-aws-sqs");

createSqsServer({ hostname: "127.0.0.1", port: 0 }).then((server) => {
	console.log(`http://127.0.0.1:${server.address().port}`);
	process.stdin.on("close", () => process.exit(0));
	process.stdin.resume();
});
