package observe_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/lambda"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/observe"
)

// order is what a client orders.
type order struct {
	Item string `json:"item"`
}

// newApp returns an application that takes orders.
func newApp() *gatesock.Router {
	r := gatesock.New()
	gatesock.Handle(r, "order", func(ctx context.Context, _ *gatesock.Request, o order) error {
		if o.Item == "" {
			return gatesock.Errorf(gatesock.CodeInvalidArgument, "what do you want?")
		}
		observe.Business(ctx, "OrdersPlaced", 1)
		return nil
	})
	return r
}

// deliver passes the message of a client to a handler, as Lambda does.
func deliver(h lambda.Handler, body string) {
	event := fmt.Sprintf(`{"requestContext":{"eventType":"MESSAGE","routeKey":"$default","connectionId":"W9In1dPTIAMCE3g=",`+
		`"apiId":"a1b2c3d4e5","stage":"prod","requestId":"IaXvKHEzFiAFcLA="},"body":%q}`, body)
	if _, err := h.Invoke(context.Background(), []byte(event)); err != nil {
		fmt.Println(err)
	}
}

// indent is an output that prints lines over several lines, without their definitions of metrics.
type indent struct{}

func (indent) Write(line []byte) (int, error) {
	var members map[string]any
	if err := json.Unmarshal(line, &members); err != nil {
		return 0, err
	}
	delete(members, "_aws")
	e := json.NewEncoder(os.Stdout)
	e.SetIndent("", "  ")
	return len(line), e.Encode(members)
}

// noon is a clock that stands still, so that the output is the same each time.
func noon() time.Time { return time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC) }

// One line in main observes everything. In Lambda, pass the handler to gatesock.Start.
func Example() {
	h := observe.New(observe.WithOutput(indent{}), observe.WithClock(noon)).Handler(newApp())
	deliver(h, `{"action":"order","item":"tea"}`)
	deliver(h, `{"action":"order"}`)
	// Output:
	// {
	//   "Api": "a1b2c3d4e5",
	//   "BytesIn": 31,
	//   "ColdStarts": 1,
	//   "Duration": 0,
	//   "Function": "local",
	//   "Messages": 1,
	//   "OrdersPlaced": 1,
	//   "Route": "order",
	//   "Stage": "prod",
	//   "connectionId": "W9In1dPTIAMCE3g=",
	//   "requestId": "IaXvKHEzFiAFcLA=",
	//   "source": "websocket"
	// }
	// {
	//   "Api": "a1b2c3d4e5",
	//   "BytesIn": 18,
	//   "BytesOut": 84,
	//   "Code": "invalid_argument",
	//   "Duration": 0,
	//   "Errors": 1,
	//   "Messages": 1,
	//   "Route": "order",
	//   "Stage": "prod",
	//   "connectionId": "W9In1dPTIAMCE3g=",
	//   "requestId": "IaXvKHEzFiAFcLA=",
	//   "source": "websocket"
	// }
}

// A value of which averages and percentiles are wanted.
func ExampleMeasure() {
	h := observe.New(observe.WithOutput(indent{}), observe.WithClock(noon)).Handler(
		lambda.NewHandler(func(ctx context.Context) {
			observe.Measure(ctx, "BasketValue", observe.NoUnit, 19.99)
			observe.Measure(ctx, "BasketValue", observe.NoUnit, 5)
		}))
	_, _ = h.Invoke(context.Background(), []byte(`{}`))
	// Output:
	// {
	//   "BasketValue": [
	//     19.99,
	//     5
	//   ],
	//   "ColdStarts": 1,
	//   "Function": "local",
	//   "source": "other"
	// }
}

// A store of the application's own counts like those of package dynamo.
func ExampleStore() {
	h := observe.New(observe.WithOutput(indent{}), observe.WithClock(noon)).Handler(
		lambda.NewHandler(func(ctx context.Context) error {
			ctx, ended := observe.Store(ctx, "GetRoom", "rooms")
			err := ctx.Err() // in place of a request
			ended(err)
			return err
		}))
	_, _ = h.Invoke(context.Background(), []byte(`{}`))
	// Output:
	// {
	//   "ColdStarts": 1,
	//   "Function": "local",
	//   "StoreLatency": 0,
	//   "source": "other"
	// }
}

// The metrics that there are, for alarms and dashboards.
func ExampleMetrics() {
	for _, m := range observe.Metrics() {
		if strings.HasPrefix(m.Name, "Posts") {
			fmt.Println(m.Name, m.Unit, m.Dimensions)
		}
	}
	// Output:
	// PostsDelivered Count [Function]
	// PostsGone Count [Function]
	// PostsThrottled Count [Function]
	// PostsFailed Count [Function]
}
