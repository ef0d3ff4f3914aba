"""Posts to connections with boto3 and with the standard library. It reads cases from standard input
and prints a result for each; see matrix_test.go."""

import json
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


ways = {"boto3": sdk, "urllib": standard_library}
given = json.load(sys.stdin)
for case in given["cases"]:
    error = ""
    try:
        ways[case["way"]](case["endpoint"], given["connection"], case["name"])
    except Exception as failed:
        error = type(failed).__name__ + ": " + str(failed)
    print(json.dumps({"name": case["name"], "error": error}))
