package eventmux_test

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/eventmux"
)

type handlerFunc func(context.Context, []byte) ([]byte, error)

func (f handlerFunc) Invoke(ctx context.Context, payload []byte) ([]byte, error) {
	return f(ctx, payload)
}

// says is a handler that answers with its name.
func says(name string) lambda.Handler {
	return handlerFunc(func(context.Context, []byte) ([]byte, error) { return []byte(name), nil })
}

// taker returns the name of the handler that took an event, or "" if none did.
func taker(t *testing.T, m *eventmux.Mux, payload string) string {
	t.Helper()
	out, err := m.Invoke(t.Context(), []byte(payload))
	if err != nil {
		require.ErrorIs(t, err, eventmux.ErrNoSource)
		return ""
	}
	return string(out)
}

// oneOfEach returns a mux with a source of each kind.
func oneOfEach() *eventmux.Mux {
	return eventmux.New(
		eventmux.WebSocket(says("websocket")),
		eventmux.Authorizer(says("authorizer")),
		eventmux.SQS(eventmux.Any, says("sqs")),
		eventmux.SNS(eventmux.Any, says("sns")),
		eventmux.DynamoDB(eventmux.Any, says("dynamodb")),
		eventmux.Kinesis(eventmux.Any, says("kinesis")),
		eventmux.Schedule(eventmux.Any, says("schedule")),
		eventmux.EventBridge(eventmux.Any, "", says("eventbridge")),
		eventmux.Match("http", func(e eventmux.Event) bool { return e.Kind == "http" }, says("http")),
		eventmux.Match("s3", func(e eventmux.Event) bool { return e.Source == "aws:s3" }, says("s3")),
		eventmux.Match("kafka", func(e eventmux.Event) bool { return e.Source == "aws:kafka" }, says("kafka")),
	)
}

// samples returns the folder with the sample events of aws-lambda-go.
func samples(t testing.TB) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", "{{.Dir}}", "github.com/aws/aws-lambda-go").Output()
	require.NoError(t, err)
	return filepath.Join(strings.TrimSpace(string(out)), "events", "testdata")
}

// TestSamplesOfAWS passes every sample to a mux. Samples that are not listed here have no kind, and
// no source takes them.
func TestSamplesOfAWS(t *testing.T) {
	t.Parallel()
	want := map[string]string{
		"alb-lambda-target-request-headers-only":       "http",
		"alb-lambda-target-request-multivalue-headers": "http",
		"apigw-request":                                 "http",
		"apigw-restapi-openapi-request":                 "http",
		"apigw-v2-request-iam":                          "http",
		"apigw-v2-request-jwt-authorizer":               "http",
		"apigw-v2-request-lambda-authorizer":            "http",
		"apigw-v2-request-no-authorizer":                "http",
		"lambda-urls-request":                           "http",
		"apigw-websocket-request":                       "websocket",
		"apigw-websocket-request-disconnect":            "websocket",
		"apigw-websocket-request-send-message":          "websocket",
		"dynamodb-event":                                "dynamodb",
		"dynamodb-time-window-event":                    "dynamodb",
		"kinesis-event":                                 "kinesis",
		"kinesis-time-window-event":                     "kinesis",
		"sns-event":                                     "sns",
		"cloudwatch-alarm-sns-payload-multiple-metrics": "sns",
		"cloudwatch-alarm-sns-payload-single-metric":    "sns",
		"sqs-event":                                     "sqs",
		"kafka-event":                                   "kafka",
		"s3-event":                                      "s3",
		"s3-event-with-decoded":                         "s3",
		"s3-glacier-event":                              "s3",
		"s3-intelligenttier-event":                      "s3",
		"s3-lifecycle-event":                            "s3",
		"s3-replication-event":                          "s3",
		"s3-restore-event":                              "s3",
	}
	files, err := filepath.Glob(filepath.Join(samples(t), "*.json"))
	require.NoError(t, err)
	require.Greater(t, len(files), 90)
	m := oneOfEach()
	seen := 0
	for _, file := range files {
		payload, err := os.ReadFile(file)
		require.NoError(t, err)
		name := strings.TrimSuffix(filepath.Base(file), ".json")
		takes := want[name]
		if takes == "" && strings.Contains(string(payload), `"detail-type"`) {
			takes = "eventbridge"
		}
		require.Equal(t, takes, taker(t, m, string(payload)), name)
		if want[name] != "" {
			seen++
		}
	}
	require.Len(t, want, seen, "a sample is missing")
}

const (
	queueARN  = "arn:aws:sqs:eu-west-1:123456789012:"
	ruleARN   = "arn:aws:events:us-east-1:123456789012:rule/"
	message   = `{"requestContext":{"connectionId":"a","eventType":"MESSAGE","routeKey":"say"}}`
	streamARN = "arn:aws:dynamodb:us-east-1:123456789012:table/"
)

func records(source string, arns ...string) string {
	list := make([]string, len(arns))
	for i, arn := range arns {
		list[i] = `{"eventSource":"` + source + `","eventSourceARN":"` + arn + `"}`
	}
	return `{"Records":[` + strings.Join(list, ",") + `]}`
}

func notification(topic string) string {
	return `{"Records":[{"EventSource":"aws:sns","EventSubscriptionArn":"x","Sns":{"Type":"Notification","TopicArn":"` + topic + `"}}]}`
}

func onBus(source, detailType, resource string) string {
	return `{"version":"0","detail-type":"` + detailType + `","source":"` + source + `","resources":["` + resource + `"],"detail":{}}`
}

// TestPrecedence checks that the most specific source takes an event.
func TestPrecedence(t *testing.T) {
	t.Parallel()
	m := eventmux.New(
		eventmux.Fallback(says("fallback")),
		eventmux.Member("job", "", says("any job")),
		eventmux.Member("job", "report", says("report")),
		eventmux.Member("warmer", "true", says("warmer")),
		eventmux.SQS(eventmux.Any, says("any queue")),
		eventmux.SQS("mail", says("mail")),
		eventmux.SQS(queueARN+"mail", says("this mail")),
		eventmux.SQS("mail.fifo", says("mail in order")),
		eventmux.SNS("alarms", says("alarms")),
		eventmux.DynamoDB("orders", says("orders")),
		eventmux.DynamoDB(streamARN+"orders", says("these orders")),
		eventmux.DynamoDB(streamARN+"orders/stream/2026-01-01T00:00:00.000", says("this stream")),
		eventmux.Kinesis("clicks", says("clicks")),
		eventmux.Schedule("sweep", says("sweep")),
		eventmux.Schedule("night/sweep", says("sweep at night")),
		eventmux.Schedule(ruleARN+"sweep", says("this sweep")),
		eventmux.EventBridge("shop", "Order", says("order")),
		eventmux.EventBridge("shop", "", says("shop")),
		eventmux.EventBridge("aws.events", "", says("other schedules")),
		eventmux.WebSocket(says("websocket")),
		eventmux.Match("first", func(e eventmux.Event) bool { return strings.Contains(string(e.Payload), "matched") }, says("first")),
		eventmux.Match("second", func(e eventmux.Event) bool { return strings.Contains(string(e.Payload), "matched") }, says("second")),
	)
	for _, tt := range []struct{ payload, want string }{
		{message, "websocket"},
		{records("aws:sqs", queueARN+"mail"), "this mail"},
		{records("aws:sqs", "arn:aws-cn:sqs:cn-north-1:123456789012:mail"), "mail"},
		{records("aws:sqs", queueARN+"mail.fifo"), "mail in order"},
		{records("aws:sqs", queueARN+"other", queueARN+"other"), "any queue"},
		{records("aws:sqs", queueARN+"mail", queueARN+"other"), "fallback"},
		{`{"Records":[{"eventSource":"aws:sqs"}]}`, "any queue"},
		{`{"Records":[]}`, "fallback"},
		{`{"Records":[{"eventSource":"aws:sqs","eventSourceARN":"x"},{"eventSource":"aws:sns","eventSourceARN":"x"}]}`, "fallback"},
		{`{"type":"TOKEN","methodArn":"arn","requestContext":{"connectionId":"a","eventType":"MESSAGE"}}`, "websocket"},
		{`{"Records":[],"isFinalInvokeForWindow":true,"eventSourceARN":"` + streamARN + `orders/stream/x"}`, "these orders"},
		{`{"Records":[],"eventSourceARN":"arn:aws:kinesis:us-east-1:123456789012:stream/clicks"}`, "clicks"},
		{`{"Records":[],"eventSourceARN":"kinesis"}`, "fallback"},
		{notification("arn:aws:sns:us-east-1:123456789012:alarms"), "alarms"},
		{notification("arn:aws:sns:us-east-1:123456789012:news"), "fallback"},
		{records("aws:dynamodb", streamARN+"orders/stream/2026-01-01T00:00:00.000"), "this stream"},
		{records("aws:dynamodb", streamARN+"orders/stream/2027-01-01T00:00:00.000"), "these orders"},
		{records("aws:dynamodb", "arn:aws:dynamodb:us-east-2:123456789012:table/orders/stream/x"), "orders"},
		{records("aws:kinesis", "arn:aws:kinesis:us-east-1:123456789012:stream/clicks"), "clicks"},
		{records("aws:kinesis", "arn:aws:kinesis:us-east-1:123456789012:stream/clicks/consumer/c:1"), "clicks"},
		{onBus("aws.events", "Scheduled Event", ruleARN+"sweep"), "this sweep"},
		{onBus("aws.events", "Scheduled Event", "arn:aws:events:us-east-2:123456789012:rule/sweep"), "sweep"},
		{onBus("aws.scheduler", "Scheduled Event", "arn:aws:scheduler:us-east-2:123456789012:schedule/night/sweep"), "sweep at night"},
		{onBus("aws.scheduler", "Scheduled Event", "arn:aws:scheduler:us-east-2:123456789012:schedule/default/sweep"), "sweep"},
		{onBus("aws.events", "Scheduled Event", ruleARN+"other"), "other schedules"},
		{onBus("shop", "Order", ""), "order"},
		{onBus("shop", "Refund", ""), "shop"},
		{onBus("shop", "Scheduled Event", ruleARN+"sweep"), "shop"},
		{onBus("elsewhere", "Order", ""), "fallback"},
		{`{"job":"report"}`, "report"},
		{`{"job":"other"}`, "any job"},
		{`{"job":null}`, "fallback"},
		{`{"warmer":true}`, "warmer"},
		{`{"warmer":"true"}`, "warmer"},
		{`{"warmer":false}`, "fallback"},
		{`{"job":"report","matched":1}`, "first"},
		{records("aws:sqs", "matched"), "first"},
		{`["job"]`, "fallback"},
		{``, "fallback"},
	} {
		require.Equal(t, tt.want, taker(t, m, tt.payload), tt.payload)
	}
}

// TestNoSource checks that the error for an event that no source takes describes the event and the
// sources.
func TestNoSource(t *testing.T) {
	t.Parallel()
	m := eventmux.New(
		eventmux.SQS("mail", says("")),
		eventmux.EventBridge("shop", "Order", says("")),
		eventmux.Member("job", "report", says("")),
	)
	const takes = `; the mux takes sqs "mail", eventbridge "shop: Order", member "job=report"`
	for _, tt := range []struct{ payload, looks string }{
		{message, "a WebSocket event"},
		{`{"type":"REQUEST","methodArn":"arn","requestContext":{"connectionId":"a","eventType":"CONNECT"}}`, "the event of a REQUEST authorizer"},
		{`{"type":"REQUEST","methodArn":"arn","requestContext":{"httpMethod":"GET"}}`, "the event of a REST API's REQUEST authorizer"},
		{`{"version":"2.0","type":"REQUEST","routeArn":"arn","rawPath":"/","requestContext":{"http":{}}}`, "the event of an HTTP API's authorizer"},
		{`{"type":"TOKEN","methodArn":"arn"}`, "the event of a TOKEN authorizer"},
		{records("aws:sqs", queueARN+"other"), `an SQS event from "arn:aws:sqs:eu-west-1:123456789012:other"`},
		{records("aws:sqs", queueARN+"mail", queueARN+"other"), `an SQS event from "arn:aws:sqs:eu-west-1:123456789012:mail", and its records have several origins`},
		{notification("arn:aws:sns:us-east-1:123456789012:news"), `an SNS event from "arn:aws:sns:us-east-1:123456789012:news"`},
		{records("aws:dynamodb", "x"), `a DynamoDB stream event from "x"`},
		{records("aws:kinesis", "x"), `a Kinesis event from "x"`},
		{records("aws:ses", "x"), `a batch of records from "aws:ses"`},
		{`{"Records":[1,{}]}`, "a batch of records"},
		{`{"Records":5}`, "a batch of records"},
		{onBus("aws.events", "Scheduled Event", ruleARN+"sweep"), `a scheduled event from "` + ruleARN + `sweep"`},
		{onBus("shop", "Refund", ""), `an EventBridge event "Refund" from "shop"`},
		{`{"version":"2.0","rawPath":"/","requestContext":{"http":{"method":"GET"}}}`, "an API Gateway HTTP API event, or one of a function URL"},
		{`{"httpMethod":"GET","path":"/","requestContext":{"stage":"x"}}`, "an API Gateway REST API event"},
		{`{"httpMethod":"GET","path":"/","requestContext":{"elb":{}}}`, "an Application Load Balancer event"},
		{`{}`, "a JSON object without members"},
		{`{"requestContext":{"connectionId":"a"}}`, `a JSON object with the member "requestContext"`},
		{`{"requestContext":{"http":{}}}`, `a JSON object with the member "requestContext"`},
		{`{"requestContext":7}`, `a JSON object with the member "requestContext"`},
		{`{"job":"other","at":1}`, `a JSON object with the members "job", "at"`},
		{`{"a":1,"b":1,"c":1,"d":1,"e":1,"f":1,"g":1}`, `a JSON object with 7 members: "a", "b", "c", "d", "e", "f", …`},
		{`{"` + strings.Repeat("é", 60) + `":1}`, `a JSON object with the member "` + strings.Repeat("é", 32) + `…"`},
		{``, "an empty payload"},
		{" \n", "an empty payload"},
		{`null`, "a JSON null"},
		{`[1]`, "a JSON array"},
		{`"hello"`, "a JSON string"},
		{`5`, "a JSON number"},
		{`true`, "a JSON boolean"},
		{`hello`, "something that is not JSON"},
		{`{"requestContext":{"connectionId":"a"`, "broken JSON"},
	} {
		_, err := m.Invoke(t.Context(), []byte(tt.payload))
		require.EqualError(t, err, "eventmux: no source takes this event: it looks like "+tt.looks+takes)
		require.ErrorIs(t, err, eventmux.ErrNoSource)
	}
	_, err := eventmux.New().Invoke(t.Context(), []byte(`{}`))
	require.ErrorContains(t, err, "the mux takes nothing")
	var many []eventmux.Source
	for c := 'a'; c <= 'z'; c++ {
		many = append(many, eventmux.SQS(string(c), says("")))
	}
	_, err = eventmux.New(many...).Invoke(t.Context(), []byte(`{}`))
	require.ErrorContains(t, err, `sqs "s", sqs "t", …`)
}

// TestMistakes checks that a source which cannot work panics where it is made, and that New panics
// for two sources which would take the same events.
func TestMistakes(t *testing.T) {
	t.Parallel()
	h := says("")
	yes := func(eventmux.Event) bool { return true }
	const site = ` at \S+mux_test\.go:\d+`
	for says, mistake := range map[string]func(){
		`New: two sources for websocket: WebSocket` + site + ` and WebSocket` + site + `$`: func() {
			eventmux.New(eventmux.WebSocket(h), eventmux.WebSocket(h))
		},
		`New: two sources for authorizer: `: func() { eventmux.New(eventmux.Authorizer(h), eventmux.Authorizer(h)) },
		`New: two sources for sqs "mail": `: func() { eventmux.New(eventmux.SQS("mail", h), eventmux.SQS("mail", h)) },
		`New: two sources for sqs "\*": `:   func() { eventmux.New(eventmux.SQS("*", h), eventmux.SQS(eventmux.Any, h)) },
		`New: two sources for eventbridge "shop: Order": `: func() {
			eventmux.New(eventmux.EventBridge("shop", "Order", h), eventmux.EventBridge("shop", "Order", h))
		},
		`New: two sources for member "job=x": `: func() { eventmux.New(eventmux.Member("job", "x", h), eventmux.Member("job", "x", h)) },
		`New: two sources for match "all": `:    func() { eventmux.New(eventmux.Match("all", yes, h), eventmux.Match("all", yes, h)) },
		`New: two sources for fallback: `:       func() { eventmux.New(eventmux.Fallback(h), eventmux.Fallback(h)) },
		`New: source 0 is the zero Source`:      func() { eventmux.New(eventmux.Source{}) },

		`WebSocket` + site + `: h must not be nil$`:  func() { eventmux.WebSocket(nil) },
		`Authorizer` + site + `: h must not be nil$`: func() { eventmux.Authorizer((*gatesock.Router)(nil)) },
		`Fallback` + site + `: h must not be nil$`:   func() { eventmux.Fallback(handlerFunc(nil)) },
		`HTTP` + site + `: h must not be nil$`:       func() { eventmux.HTTP(nil) },
		`SQS` + site + `: h must not be nil$`:        func() { eventmux.SQS("mail", nil) },

		`SQS` + site + `: queue "" is not a name, an ARN or "\*"$`:         func() { eventmux.SQS("", h) },
		`SQS` + site + `: queue "a b" is not a name`:                       func() { eventmux.SQS("a b", h) },
		`SQS` + site + `: queue "https://sqs…/mail" is not a name`:         func() { eventmux.SQS("https://sqs…/mail", h) },
		`SQS` + site + `: queue ".*" is not an ARN of sqs`:                 func() { eventmux.SQS("arn:aws:sns:x:1:mail", h) },
		`SQS` + site + `: queue "arn:aws:sqs:::mail" is not an ARN of sqs`: func() { eventmux.SQS("arn:aws:sqs:::mail", h) },
		`SNS` + site + `: topic ".*" is not an ARN of sns`:                 func() { eventmux.SNS("arn:aws:sns:x:1:", h) },
		`DynamoDB` + site + `: table ".*" .*ACCOUNT:table/NAME`:            func() { eventmux.DynamoDB("arn:aws:dynamodb:x:1:orders", h) },
		`Kinesis` + site + `: stream ".*" is not an ARN of kinesis`:        func() { eventmux.Kinesis("arn:aws", h) },
		`Schedule` + site + `: name ".*" .* an ARN of events or scheduler`: func() { eventmux.Schedule("arn:aws:sqs:x:1:n", h) },
		`Schedule` + site + `: name "" is not a name`:                      func() { eventmux.Schedule("", h) },

		`EventBridge` + site + `: source must not be empty`: func() { eventmux.EventBridge("", "", h) },
		`EventBridge` + site + `: detailType must be empty`: func() { eventmux.EventBridge("*", "Order", h) },
		`Member` + site + `: name must not be empty`:        func() { eventmux.Member("", "x", h) },
		`Match` + site + `: name must not be empty`:         func() { eventmux.Match("", yes, h) },
		`Match` + site + `: matches must not be nil`:        func() { eventmux.Match("all", nil, h) },
	} {
		func() {
			defer func() { require.Regexp(t, `^eventmux: `+says, recover()) }()
			mistake()
		}()
	}
	eventmux.New(eventmux.EventBridge("a", "b: c", h), eventmux.EventBridge("a: b", "c", h)) // different sources
}

func TestMuxDescribesItself(t *testing.T) {
	t.Parallel()
	r := gatesock.New(gatesock.WithEnvelope(gatesock.Envelope{Action: "type"}))
	gatesock.Handle(r, "say", func(context.Context, *gatesock.Request, struct{}) error { return nil })
	names := r.Describe().Envelope
	require.Equal(t, "type", names.Action)
	for name, tt := range map[string]struct {
		sources []eventmux.Source
		want    gatesock.Description
	}{
		"nothing":          {nil, gatesock.Description{}},
		"a router":         {[]eventmux.Source{eventmux.WebSocket(r)}, r.Describe()},
		"a wrapped router": {[]eventmux.Source{eventmux.WebSocket(gatesock.Wrap(r))}, r.Describe()},
		"a mux":            {[]eventmux.Source{eventmux.WebSocket(eventmux.New(eventmux.WebSocket(r)))}, r.Describe()},
		"another handler":  {[]eventmux.Source{eventmux.WebSocket(says(""))}, gatesock.Description{}},
		"a mux whose other sources get no events": {
			[]eventmux.Source{
				eventmux.WebSocket(eventmux.New(
					eventmux.WebSocket(r), eventmux.SQS("jobs", says("")), eventmux.Authorizer(asking{says("")}),
				)),
				eventmux.SQS("jobs", says("")),
			},
			gatesock.Description{
				Routes: r.Describe().Routes, Envelope: names, Sources: []gatesock.EventSource{{Kind: "sqs", Name: "jobs"}},
			},
		},
		"with an authorizer": {
			[]eventmux.Source{eventmux.WebSocket(r), eventmux.Authorizer(says(""))},
			gatesock.Description{Routes: r.Describe().Routes, Authorizer: true, Envelope: names},
		},
		"with an authorizer that needs a header": {
			[]eventmux.Source{eventmux.Authorizer(wrapper{asking{says("")}})},
			gatesock.Description{Authorizer: true, IdentitySources: []string{"route.request.header.Authorization"}},
		},
		"other sources": {
			[]eventmux.Source{
				eventmux.HTTP(http.NotFoundHandler()), eventmux.SQS(eventmux.Any, says("")), eventmux.SNS("news", says("")),
				eventmux.DynamoDB("rooms", says("")), eventmux.Kinesis("clicks", says("")), eventmux.Schedule("sweep", says("")),
				eventmux.EventBridge("shop", "", says("")), eventmux.EventBridge("shop: a", "b: c", says("")),
				eventmux.Member("job", "report", says("")), eventmux.Match("uploads", func(eventmux.Event) bool { return false }, says("")),
				eventmux.Fallback(says("")), eventmux.IoTRule("readings", "+/+/readings", says("")),
			},
			gatesock.Description{Sources: []gatesock.EventSource{
				{Kind: "http"},
				{Kind: "sqs", Name: "*"},
				{Kind: "sns", Name: "news"},
				{Kind: "dynamodb", Name: "rooms"},
				{Kind: "kinesis", Name: "clicks"},
				{Kind: "schedule", Name: "sweep"},
				{Kind: "eventbridge", Name: "shop"},
				{Kind: "eventbridge", Name: "shop: a", DetailType: "b: c"},
				{Kind: "custom", Name: "job=report"},
				{Kind: "custom", Name: "uploads"},
				{Kind: "custom"},
				{Kind: "iot", Name: "readings", Topic: "+/+/readings"},
			}},
		},
	} {
		require.Equal(t, tt.want, eventmux.New(tt.sources...).Describe(), name)
	}
}

// asking is an authorizer with an identity source.
type asking struct{ lambda.Handler }

func (asking) IdentitySources() []string { return []string{"route.request.header.Authorization"} }

// wrapper hides the methods of what it wraps.
type wrapper struct{ next lambda.Handler }

func (w wrapper) Invoke(ctx context.Context, payload []byte) ([]byte, error) {
	return w.next.Invoke(ctx, payload)
}

func (w wrapper) Unwrap() lambda.Handler { return w.next }

// TestResultsAreNotShared calls a handler of package lambda at once, as a Lambda Managed Instance
// does. Each caller must get the result of its own event, and keep it.
func TestResultsAreNotShared(t *testing.T) {
	t.Parallel()
	m := eventmux.New(eventmux.Member("id", "", lambda.NewHandler(func(_ context.Context, in struct{ ID int }) (int, error) {
		return in.ID, nil
	})))
	var all sync.WaitGroup
	for i := range 100 {
		all.Go(func() {
			out, err := m.Invoke(t.Context(), fmt.Appendf(nil, `{"id":%d}`, 100+i))
			assert.NoError(t, err)
			assert.Equal(t, strconv.Itoa(100+i), string(out))
		})
	}
	all.Wait()
}

func TestFreezeFreezesTheRouter(t *testing.T) {
	t.Parallel()
	r := gatesock.New(gatesock.DenyByDefault())
	gatesock.Handle(r, "say", func(context.Context, *gatesock.Request, struct{}) error { return nil })
	wrapped := gatesock.Wrap(r, func(next lambda.Handler) lambda.Handler { return handlerFunc(next.Invoke) })
	m := eventmux.New(eventmux.SQS("mail", says("")), eventmux.WebSocket(wrapped))
	require.Panics(t, m.Freeze)
	eventmux.New(eventmux.WebSocket(gatesock.New())).Freeze()
}

// TestConnectionsWithoutTheAuthorizer checks that a mux with an Authorizer refuses a $connect that
// bypassed it.
func TestConnectionsWithoutTheAuthorizer(t *testing.T) {
	t.Parallel()
	with := eventmux.New(eventmux.WebSocket(says("websocket")), eventmux.Authorizer(says("authorizer")))
	without := eventmux.New(eventmux.WebSocket(says("websocket")))
	for _, tt := range []struct {
		event, member string
		takes         bool
	}{
		{"CONNECT", `"authorizer":{"principalId":"ann"}`, true},
		{"CONNECT", `"identity":{"userArn":"arn:aws:iam::123456789012:user/ann"}`, true},
		{"CONNECT", `"identity":{"sourceIp":"::1"}`, false},
		{"CONNECT", `"identity":{"userArn":null}`, false},
		{"CONNECT", `"authorizer":{"principalId":"ann"},"identity":{"sourceIp":"::1","userArn":null}`, true},
		{"CONNECT", `"identity":{"userArn":"arn:aws:iam::123456789012:user/ann"},"authorizer":""`, true},
		{"CONNECT", `"authorizer":{"integrationLatency":7,"plan":"free"}`, true},
		{"CONNECT", `"authorizer":{"integrationLatency":7}`, false},
		{"CONNECT", `"authorizer":{"principalId":null,"integrationLatency":7}`, false},
		{"CONNECT", `"authorizer":{}`, false},
		{"CONNECT", `"authorizer":null`, false},
		{"CONNECT", `"authorizer":""`, false},
		{"CONNECT", `"authorizer":["ann"]`, false},
		{"MESSAGE", `"authorizer":null`, true},
		{"DISCONNECT", `"authorizer":null`, true},
	} {
		payload := []byte(`{"requestContext":{` + tt.member + `,"connectionId":"a","routeKey":"x","eventType":"` + tt.event + `"}}`)
		_, err := with.Invoke(t.Context(), payload)
		if tt.takes {
			require.NoError(t, err, string(payload))
		} else {
			require.ErrorContains(t, err, "eventmux: a $connect event without an authorizer's result", string(payload))
		}
		_, err = without.Invoke(t.Context(), payload)
		require.NoError(t, err)
	}
}

// FuzzMux checks that one source takes an event or none does, and that the WebSocket source takes
// only events of WebSocket APIs.
func FuzzMux(f *testing.F) {
	files, err := filepath.Glob(filepath.Join(samples(f), "*.json"))
	require.NoError(f, err)
	for _, file := range files {
		payload, err := os.ReadFile(file)
		require.NoError(f, err)
		f.Add(payload)
	}
	for _, s := range []string{
		``, `[]`, message, records("aws:sqs", queueARN+"mail", queueARN+"other"), notification("x"), onBus("aws.events", "Scheduled Event", ""),
		`{"Records":[[],{"Sns":[],"EVENTSOURCE":"aws:sqs"}]}`, iotEvent, `{"requestContext":[]}`, `{"resources":[1,"x"]}`, `{"resources":{}}`,
	} {
		f.Add([]byte(s))
	}
	router := gatesock.New()
	seen := ""
	note := func(name string) lambda.Handler {
		return handlerFunc(func(ctx context.Context, payload []byte) ([]byte, error) {
			seen += name
			return nil, nil
		})
	}
	m := eventmux.New(
		eventmux.WebSocket(note("websocket ")), eventmux.SQS("mail", note("sqs ")), eventmux.SNS("news", note("sns ")),
		eventmux.DynamoDB("orders", note("dynamodb ")), eventmux.Kinesis("clicks", note("kinesis ")), eventmux.Schedule("sweep", note("schedule ")),
		eventmux.EventBridge("shop", "Order", note("eventbridge ")), eventmux.Member("job", "", note("member ")),
		eventmux.IoTRule("readings", "+/+/readings", note("iot ")),
	)
	f.Fuzz(func(t *testing.T, payload []byte) {
		seen = ""
		_, err := m.Invoke(t.Context(), payload)
		if err != nil {
			require.ErrorIs(t, err, eventmux.ErrNoSource)
			require.Empty(t, seen)
		} else {
			require.Equal(t, 1, strings.Count(seen, " "))
		}
		if seen == "websocket " {
			_, err := router.Invoke(t.Context(), payload)
			require.NotErrorIs(t, err, gatesock.ErrNotWebSocket)
		}
	})
}
