"""Lets in clients with a name of letters, which the other events then have."""


def handler(event, context):
    name = event["queryStringParameters"]["name"]
    return {
        "principalId": name,
        "policyDocument": {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Action": "execute-api:Invoke",
                    "Effect": "Allow" if name.isalpha() else "Deny",
                    "Resource": event["methodArn"],
                }
            ],
        },
        "context": {"name": name},
    }
