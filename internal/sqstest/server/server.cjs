// Serves SQS on a free port of 127.0.0.1, prints its URL, and ends when standard input does: with the process that
// started it, however that ends.
//
// local-aws-sqs rather than fauxqs, which needs Node 22.5 and the AWS SDK for JavaScript: this one runs on Node 18, with two
// small packages. It speaks the JSON protocol of the SDKs, holds visibility timeouts, redrive policies and message
// limits, and takes any key and secret. It does not know MessageSystemAttributeNames, the newer name of AttributeNames; it counts a
// ChangeMessageVisibility as another receive, and messages in flight in ApproximateNumberOfMessages too.
"use strict";
const { createSqsServer } = require("local-aws-sqs");

createSqsServer({ hostname: "127.0.0.1", port: 0 }).then((server) => {
	console.log(`http://127.0.0.1:${server.address().port}`);
	process.stdin.on("close", () => process.exit(0));
	process.stdin.resume();
});
