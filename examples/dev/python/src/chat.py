"""A chat of one room. The table has who is connected. boto3 is the one that Lambda brings along."""

import json
import os

import boto3

table = boto3.resource("dynamodb").Table(os.environ["TABLE"])


def post(api, connection_id, message):
    """Sends a message to a connection, and forgets one that is gone."""
    try:
        api.post_to_connection(ConnectionId=connection_id, Data=json.dumps(message))
    except api.exceptions.GoneException:
        table.delete_item(Key={"id": connection_id})


def handler(event, context):
    request = event["requestContext"]
    connection_id = request["connectionId"]
    if request["routeKey"] == "$connect":
        table.put_item(Item={"id": connection_id, "name": request["authorizer"]["name"]})
    elif request["routeKey"] == "$disconnect":
        table.delete_item(Key={"id": connection_id})
    elif request["routeKey"] == "who":
        names = sorted(item["name"] for item in table.scan()["Items"])
        return {"statusCode": 200, "body": json.dumps({"names": names})}
    elif request["routeKey"] == "say":
        api = boto3.client(
            "apigatewaymanagementapi",
            endpoint_url=f"https://{request['domainName']}/{request['stage']}",
        )
        message = {"from": request["authorizer"]["name"], "text": json.loads(event["body"])["text"]}
        for item in table.scan()["Items"]:
            post(api, item["id"], message)
    return {"statusCode": 200}
