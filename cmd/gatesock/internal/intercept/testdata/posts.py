"""Posts to connections with boto3 and with the standard library. It reads cases from standard input
and prints a result for each; see matrix_test.go."""

import json
import socket
import ssl
import sys
import urllib.parse
import urllib.request

import boto3


def sdk(endpoint, connection, text):
    client = boto3.client("apigatewaymanagementapi", endpoint_url=endpoint or None)
    client.post_to_connection(ConnectionId=connection, Data=text.encode())


def standard_library(endpoint, connection, text):
    url = endpoint + "/@connections/" + urllib.parse.quote(connection)
    urllib.request.urlopen(urllib.request.Request(url, data=text.encode(), method="POST")).read()


def service(name, connection, text):
    """Calls another service."""
    client = boto3.client(name)
    {
        "dynamodb": lambda: client.list_tables(),
        "s3": lambda: client.list_buckets(),
        "sns": lambda: client.list_topics(),
        "sqs": lambda: client.list_queues(),
        "sts": lambda: client.get_caller_identity(),
    }[name]()


def handshake(address, connection, text):
    """Connects to a server that claims to be example.com."""
    host, port = address.split(":")
    with socket.create_connection((host, int(port))) as plain:
        ssl.create_default_context().wrap_socket(plain, server_hostname="example.com").close()


ways = {"boto3": sdk, "urllib": standard_library, "service": service, "handshake": handshake}
given = json.load(sys.stdin)
for case in given["cases"]:
    error = ""
    try:
        ways[case["way"]](case["endpoint"], given["connection"], case["name"])
    except Exception as failed:
        error = type(failed).__name__ + ": " + str(failed)
    print(json.dumps({"name": case["name"], "error": error}))
