// Calls each service with the SDK for JavaScript, version 2, and prints what came back.
const AWS = require("aws-sdk");

const [endpoint, queue, topic] = process.argv.slice(2);
const options = { endpoint, region: "eu-west-1", accessKeyId: "a", secretAccessKey: "b", maxRetries: 0 };

async function main() {
	const q = new AWS.SQS(options);
	const out = [];
	const { QueueUrl } = await q.getQueueUrl({ QueueName: queue }).promise();
	const local = endpoint + new URL(QueueUrl).pathname; // it sends requests to the queue's own URL
	await q.sendMessageBatch({
		QueueUrl: local,
		Entries: [{
			Id: "1",
			MessageBody: "<é>",
			MessageAttributes: {
				text: { DataType: "String", StringValue: "ä" },
				raw: { DataType: "Binary", BinaryValue: Buffer.from([0, 255]) },
			},
		}],
	}).promise();
	const receive = { QueueUrl: local, WaitTimeSeconds: 20, MessageAttributeNames: ["All"], AttributeNames: ["All"] };
	const [m] = (await q.receiveMessage(receive).promise()).Messages;
	out.push(m.Body, m.MessageAttributes.text.StringValue, [...m.MessageAttributes.raw.BinaryValue].join(), m.Attributes.ApproximateReceiveCount);
	await q.deleteMessage({ QueueUrl: local, ReceiptHandle: m.ReceiptHandle }).promise();
	await new AWS.SNS(options).publish({
		TopicArn: topic, Message: "news", MessageAttributes: { k: { DataType: "String", StringValue: "v" } },
	}).promise();
	const [got] = (await q.receiveMessage(receive).promise()).Messages;
	const envelope = JSON.parse(got.Body);
	out.push(envelope.Message, envelope.MessageAttributes.k.Value);
	await q.deleteMessage({ QueueUrl: local, ReceiptHandle: got.ReceiptHandle }).promise();
	const put = await new AWS.EventBridge(options).putEvents({
		Entries: [{ Source: "app", DetailType: "t", Detail: "{}" }, { Source: "app", DetailType: "t", Detail: "x" }],
	}).promise();
	out.push(put.FailedEntryCount, put.Entries[1].ErrorCode);
	const l = new AWS.Lambda(options);
	const reply = await l.invoke({ FunctionName: "app-F", Payload: JSON.stringify({ a: 1 }) }).promise();
	out.push(reply.StatusCode, reply.Payload);
	for (const failing of [
		() => l.invoke({ FunctionName: "none" }),
		() => q.sendMessage({ QueueUrl: local + "x", MessageBody: "x" }),
		() => q.listMessageMoveTasks({ SourceArn: "x" }),
	]) {
		await failing().promise().then(() => out.push("no error"), (e) => out.push(e.code));
	}
	console.log(JSON.stringify(out));
}

main();
