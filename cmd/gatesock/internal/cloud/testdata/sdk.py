"""Calls each service with boto3 and prints what came back."""
import json
import sys

import boto3
import botocore.exceptions

endpoint, queue, topic = sys.argv[1:]


def client(name):
    return boto3.client(name, endpoint_url=endpoint, region_name="eu-west-1", aws_access_key_id="a", aws_secret_access_key="b")


q = client("sqs")
url = q.get_queue_url(QueueName=queue)["QueueUrl"]
q.send_message_batch(QueueUrl=url, Entries=[{
    "Id": "1",
    "MessageBody": "<é>",
    "MessageAttributes": {
        "text": {"DataType": "String", "StringValue": "ä"},
        "raw": {"DataType": "Binary", "BinaryValue": bytes([0, 255])},
    },
}])
receive = dict(QueueUrl=url, WaitTimeSeconds=20, MessageAttributeNames=["All"], AttributeNames=["All"])
m = q.receive_message(**receive)["Messages"][0]
out = [
    m["Body"], m["MessageAttributes"]["text"]["StringValue"],
    ",".join(str(b) for b in m["MessageAttributes"]["raw"]["BinaryValue"]), m["Attributes"]["ApproximateReceiveCount"],
]
q.delete_message(QueueUrl=url, ReceiptHandle=m["ReceiptHandle"])
client("sns").publish(TopicArn=topic, Message="news", MessageAttributes={"k": {"DataType": "String", "StringValue": "v"}})
got = q.receive_message(**receive)["Messages"][0]
envelope = json.loads(got["Body"])
out += [envelope["Message"], envelope["MessageAttributes"]["k"]["Value"]]
q.delete_message(QueueUrl=url, ReceiptHandle=got["ReceiptHandle"])
put = client("events").put_events(Entries=[
    {"Source": "app", "DetailType": "t", "Detail": "{}"}, {"Source": "app", "DetailType": "t", "Detail": "x"},
])
out += [put["FailedEntryCount"], put["Entries"][1]["ErrorCode"]]
fn = client("lambda")
reply = fn.invoke(FunctionName="app-F", Payload=json.dumps({"a": 1}, separators=(",", ":")))
out += [reply["StatusCode"], reply["Payload"].read().decode()]
for failing in [
    lambda: fn.invoke(FunctionName="none"),
    lambda: q.send_message(QueueUrl=url + "x", MessageBody="x"),
    lambda: q.add_permission(QueueUrl=url, Label="x", AWSAccountIds=["1"], Actions=["*"]),
]:
    try:
        failing()
        out.append("no error")
    except botocore.exceptions.ClientError as e:
        # The code of an unknown operation, by the protocol, which is that of boto3's version.
        out.append(e.response["Error"]["Code"].replace("InvalidAction", "UnknownOperationException"))
print(json.dumps(out))
