// Command sdk does what command gatesock does with aws-lambda-go and the SDK alone.
package main

import (
	"context"
	"encoding/json"
	"log"
	"os"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	api "github.com/aws/aws-sdk-go-v2/service/apigatewaymanagementapi"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

type app struct {
	gateway *api.Client
	table   *dynamodb.Client
}

func (a *app) handle(
	ctx context.Context, req events.APIGatewayWebsocketProxyRequest,
) (events.APIGatewayProxyResponse, error) {
	var in struct {
		Text string `json:"text"`
	}
	if err := json.Unmarshal([]byte(req.Body), &in); err != nil {
		return events.APIGatewayProxyResponse{StatusCode: 400}, nil //nolint:nilerr // It is answered.
	}
	key := &types.AttributeValueMemberS{Value: "c#" + req.RequestContext.ConnectionID}
	_, err := a.table.GetItem(ctx, &dynamodb.GetItemInput{
		TableName: aws.String(os.Getenv("TABLE")), ConsistentRead: aws.Bool(true),
		Key: map[string]types.AttributeValue{"pk": key, "sk": &types.AttributeValueMemberS{Value: "c"}},
	})
	if err != nil {
		return events.APIGatewayProxyResponse{StatusCode: 500}, err
	}
	_, err = a.gateway.PostToConnection(ctx, &api.PostToConnectionInput{
		ConnectionId: &req.RequestContext.ConnectionID, Data: []byte(in.Text),
	})
	return events.APIGatewayProxyResponse{StatusCode: 200}, err
}

func main() {
	cfg, err := config.LoadDefaultConfig(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	a := &app{
		gateway: api.NewFromConfig(
			cfg,
			func(o *api.Options) { o.BaseEndpoint = aws.String(os.Getenv("GATEWAY_ENDPOINT")) },
		),
		table: dynamodb.NewFromConfig(cfg),
	}
	lambda.Start(a.handle)
}
