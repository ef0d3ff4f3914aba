// The chat of ../node as a stack of the AWS CDK. `npx cdk synth` writes cdk.out, which is checked in
// here so that gatesock dev runs it without the CDK.
import { App, Stack } from "aws-cdk-lib";
import { WebSocketApi, WebSocketStage } from "aws-cdk-lib/aws-apigatewayv2";
import { WebSocketLambdaAuthorizer } from "aws-cdk-lib/aws-apigatewayv2-authorizers";
import { WebSocketLambdaIntegration } from "aws-cdk-lib/aws-apigatewayv2-integrations";
import { AttributeType, BillingMode, Table } from "aws-cdk-lib/aws-dynamodb";
import { Code, Function, Runtime } from "aws-cdk-lib/aws-lambda";

const stack = new Stack(new App({ analyticsReporting: false }), "Chat");
const table = new Table(stack, "Table", {
  partitionKey: { name: "id", type: AttributeType.STRING },
  billingMode: BillingMode.PAY_PER_REQUEST,
});
const fn = (id, handler) =>
  new Function(stack, id, {
    runtime: Runtime.NODEJS_22_X,
    code: Code.fromAsset("../node/src"),
    handler,
    environment: { TABLE: table.tableName },
  });
const chat = fn("Chat", "chat.handler");
const authorize = fn("Authorize", "authorize.handler");
table.grantReadWriteData(chat);

const integration = new WebSocketLambdaIntegration("Integration", chat);
const api = new WebSocketApi(stack, "Api", {
  connectRouteOptions: {
    integration,
    authorizer: new WebSocketLambdaAuthorizer("Authorizer", authorize, {
      identitySource: ["route.request.querystring.name"],
    }),
  },
  disconnectRouteOptions: { integration },
});
api.addRoute("say", { integration });
api.addRoute("who", { integration, returnResponse: true });
api.grantManageConnections(chat);
new WebSocketStage(stack, "Stage", { webSocketApi: api, stageName: "dev", autoDeploy: true });
