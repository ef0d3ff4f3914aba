// Calls each service with the SDK for JavaScript, version 3, and prints what came back.
const sqs = require("@aws-sdk/client-sqs");
const sns = require("@aws-sdk/client-sns");
const events = require("@aws-sdk/client-eventbridge");
const lambda = require("@aws-sdk/client-lambda");

const [endpoint, queue, topic] = process.argv.slice(2);
const options = { endpoint, region: "eu-west-1", credentials: { accessKeyId: "a", secretAccessKey: "b" } };

async function main() {
	const q = new sqs.SQSClient(options);
	const out = [];
	const { QueueUrl } = await q.send(new sqs.GetQueueUrlCommand({ QueueName: queue }));
	await q.send(new sqs.SendMessageBatchCommand({
		QueueUrl,
		Entries: [{
			Id: "1",
			MessageBody: "<é>",
			MessageAttributes: {
				text: { DataType: "String", StringValue: "ä" },
				raw: { DataType: "Binary", BinaryValue: new Uint8Array([0, 255]) },
			},
		}],
	}));
	const { Messages } = await q.send(new sqs.ReceiveMessageCommand({
		QueueUrl, WaitTimeSeconds: 20, MessageAttributeNames: ["All"], MessageSystemAttributeNames: ["All"],
	}));
	const [m] = Messages;
	out.push(m.Body, m.MessageAttributes.text.StringValue, [...m.MessageAttributes.raw.BinaryValue].join(), m.Attributes.ApproximateReceiveCount);
	await q.send(new sqs.DeleteMessageCommand({ QueueUrl, ReceiptHandle: m.ReceiptHandle }));
	await new sns.SNSClient(options).send(new sns.PublishCommand({
		TopicArn: topic, Message: "news", MessageAttributes: { k: { DataType: "String", StringValue: "v" } },
	}));
	const got = await q.send(new sqs.ReceiveMessageCommand({ QueueUrl, WaitTimeSeconds: 20 }));
	const envelope = JSON.parse(got.Messages[0].Body);
	out.push(envelope.Message, envelope.MessageAttributes.k.Value);
	await q.send(new sqs.DeleteMessageCommand({ QueueUrl, ReceiptHandle: got.Messages[0].ReceiptHandle }));
	const put = await new events.EventBridgeClient(options).send(new events.PutEventsCommand({
		Entries: [{ Source: "app", DetailType: "t", Detail: "{}" }, { Source: "app", DetailType: "t", Detail: "x" }],
	}));
	out.push(put.FailedEntryCount, put.Entries[1].ErrorCode);
	const l = new lambda.LambdaClient(options);
	const reply = await l.send(new lambda.InvokeCommand({ FunctionName: "app-F", Payload: JSON.stringify({ a: 1 }) }));
	out.push(reply.StatusCode, Buffer.from(reply.Payload).toString());
	for (const failing of [
		() => l.send(new lambda.InvokeCommand({ FunctionName: "none" })),
		() => q.send(new sqs.SendMessageCommand({ QueueUrl: QueueUrl + "x", MessageBody: "x" })),
		() => q.send(new sqs.ListMessageMoveTasksCommand({ SourceArn: "x" })),
	]) {
		await failing().then(() => out.push("no error"), (e) => out.push(e.name));
	}
	console.log(JSON.stringify(out));
}

main();
