// A chat of one room. The table has who is connected. The SDK is the one that Lambda brings along.
import { ApiGatewayManagementApiClient, PostToConnectionCommand } from "@aws-sdk/client-apigatewaymanagementapi";
import { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { DeleteCommand, DynamoDBDocumentClient, PutCommand, ScanCommand } from "@aws-sdk/lib-dynamodb";

const TableName = process.env.TABLE;
const table = DynamoDBDocumentClient.from(new DynamoDBClient());

const everybody = async () => (await table.send(new ScanCommand({ TableName }))).Items ?? [];

// post sends a message to a connection, and forgets one that is gone.
async function post(api, id, message) {
  try {
    await api.send(new PostToConnectionCommand({ ConnectionId: id, Data: JSON.stringify(message) }));
  } catch (error) {
    if (error.name !== "GoneException") throw error;
    await table.send(new DeleteCommand({ TableName, Key: { id } }));
  }
}

export const handler = async (event) => {
  const { routeKey, connectionId, domainName, stage, authorizer } = event.requestContext;
  switch (routeKey) {
    case "$connect":
      await table.send(new PutCommand({ TableName, Item: { id: connectionId, name: authorizer.name } }));
      return { statusCode: 200 };
    case "$disconnect":
      await table.send(new DeleteCommand({ TableName, Key: { id: connectionId } }));
      return { statusCode: 200 };
    case "who": {
      const names = (await everybody()).map(({ name }) => name).sort();
      return { statusCode: 200, body: JSON.stringify({ names }) };
    }
    case "say": {
      const api = new ApiGatewayManagementApiClient({ endpoint: `https://${domainName}/${stage}` });
      const message = { from: authorizer.name, text: JSON.parse(event.body).text };
      await Promise.all((await everybody()).map(({ id }) => post(api, id, message)));
      return { statusCode: 200 };
    }
  }
};
