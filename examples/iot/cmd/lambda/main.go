// Command lambda is the app as a Lambda function: the routes and the authorizer of its WebSocket
// API, its HTTP requests and its page at the function's URL, the rules of AWS IoT for MQTT devices,
// and the schedules "watch" and "sweep". Its state is in a DynamoDB table.
//
//	gatesock template ./iot/cmd/lambda > template.yaml
//
// writes a template with all that it needs: the API, the table, the rules, the rights of the
// function, and its environment variables, which are GATEWAY_ENDPOINT, the URL for posts to
// clients, TABLE, IOT_ENDPOINT, the URL of the account's AWS IoT, and GATESOCK_METRICS, the
// namespace of its metrics. "gatesock keys create" makes the keys of people and devices.
//
//	GOOS=linux GOARCH=arm64 CGO_ENABLED=0 go build -tags lambda.norpc -o bootstrap ./iot/cmd/lambda
package main

import (
	"context"
	"encoding/json"
	"log"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/iotdataplane"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/apigw"
	"github.com/gatesock/gatesock/dynamo"
	"github.com/gatesock/gatesock/dynamo/sweep"
	"github.com/gatesock/gatesock/examples/iot"
	"github.com/gatesock/gatesock/examples/iot/web"
	"github.com/gatesock/gatesock/observe"
)

func main() {
	endpoint, table, devices := apigw.Need("GATEWAY_ENDPOINT"), dynamo.Need("TABLE"), needDevices("IOT_ENDPOINT")
	cfg, err := config.LoadDefaultConfig(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	client, err := apigw.New(cfg.Credentials, endpoint.Value())
	if err != nil {
		log.Fatalf("%s: %v", endpoint.Variable, err)
	}
	app, err := iot.NewOnTable(dynamodb.NewFromConfig(cfg), table.Value(), client,
		iot.WithPage(web.Handler()),
		iot.WithSocketURL("wss"+strings.TrimPrefix(endpoint.Value(), "https")),
		iot.WithDownlink(downlink(cfg, devices.Value())))
	if err != nil {
		log.Fatalf("%s: %v", table.Variable, err)
	}
	app.Router().DeclareNeeds(endpoint, table, devices, sweep.Need(table.Variable))
	slog.SetDefault(slog.New(observe.NewLogHandler(os.Stderr, nil)))
	gatesock.Start(observe.New().Handler(app.Handler()))
}

// needDevices returns the need of publishing orders to devices.
func needDevices(variable string) gatesock.Need {
	return gatesock.Need{
		Kind: gatesock.NeedIoT, Variable: variable,
		Actions: []string{"iot:Publish"}, Topics: []string{"+/+/commands"},
	}
}

// downlink publishes orders by AWS IoT, at the URL of the account. A device that is not connected
// gets an order when it is back, if it keeps its session and the order's time is not over.
func downlink(cfg aws.Config, endpoint string) iot.Downlink {
	client := iotdataplane.NewFromConfig(cfg, func(o *iotdataplane.Options) {
		o.BaseEndpoint = &endpoint
	})
	return func(ctx context.Context, tenant, device string, o iot.Order) error {
		data, err := json.Marshal(o)
		if err != nil {
			return err
		}
		_, err = client.Publish(ctx, &iotdataplane.PublishInput{
			Topic:         aws.String(tenant + "/" + device + "/commands"),
			Payload:       data,
			Qos:           1,
			MessageExpiry: max(1, int64(time.Until(o.ExpiresAt).Seconds())),
		})
		return err
	}
}
