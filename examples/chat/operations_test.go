package chat_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/aws/ratelimit"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/conn"
	"github.com/gatesock/gatesock/dynamo"
	"github.com/gatesock/gatesock/emulator"
	"github.com/gatesock/gatesock/examples/chat"
	"github.com/gatesock/gatesock/internal/cloudwatchtest"
	"github.com/gatesock/gatesock/internal/dynamotest"
	"github.com/gatesock/gatesock/internal/topicwire"
	"github.com/gatesock/gatesock/observe"
	"github.com/gatesock/gatesock/topic"
	"github.com/gatesock/gatesock/wstest"
)

// TestOperations makes faults on purpose in a chat with observe on, and follows docs/operations.md:
// the alarms of the chat's template are on that the page is for, and no others; the metrics have
// the values, and each query that the page has for the fault returns what it promises. In the end
// it runs all queries of the page on all that was logged.
//
// The metrics of AWS's services are not in the log of a function. Where an alarm is about one of
// them, the test counts what the service would have counted.
//
// The subtests have the default logger of the process for themselves, so they are not parallel.
func TestOperations(t *testing.T) { //nolint:paralleltest // see above
	p, s := readPage(t), readStack(t)
	var seen []cloudwatchtest.Event
	for _, fault := range []struct {
		name string
		run  func(t *testing.T, p *page, s *stackOfTheChat) *watched
	}{
		{"a table that throttles", tableThatThrottles},
		{"a slow handler", slowHandler},
		{"clients that vanish", clientsThatVanish},
		{"one of everything", oneOfEverything},
	} {
		t.Run(fault.name, func(t *testing.T) { //nolint:paralleltest // see above
			seen = append(seen, fault.run(t, p, s).log.Events()...)
		})
	}
	if t.Failed() {
		return
	}
	checkPage(t, p, s, seen)
	checkDashboard(t, s.dashboard, seen)
	checkFigures(t, p, s, seen)
}

// watched is a chat with observe on, behind a gateway.
type watched struct {
	app     lambda.Handler
	log     *cloudwatchtest.Log
	stack   *stackOfTheChat
	handler lambda.Handler
	now     func() time.Time

	mu  sync.Mutex
	aws []measurement
}

// measurement is a value of a metric of one of AWS's services.
type measurement struct {
	metric cloudwatchtest.Metric
	unit   string
	at     time.Time
	value  float64
}

// watch turns observe on, as cmd/lambda does.
func watch(t *testing.T, app *chat.App, s *stackOfTheChat, now func() time.Time) *watched {
	t.Helper()
	w := &watched{app: app.Handler(), log: cloudwatchtest.NewLog(now), stack: s, now: now}
	before := slog.Default()
	slog.SetDefault(slog.New(observe.NewLogHandler(w.log, &observe.LogOptions{Format: observe.LogJSON})))
	t.Cleanup(func() { slog.SetDefault(before) })
	w.handler = observe.New(observe.WithOutput(w.log), observe.WithClock(now)).Handler(w.app)
	return w
}

// measure writes a metric as a service of AWS does: the one that an alarm is about.
func (w *watched) measure(alarm, unit string, value float64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.aws = append(w.aws, measurement{w.stack.alarms[alarm].Metrics()[0], unit, w.now(), value})
}

// metrics returns all metrics until now.
func (w *watched) metrics(t *testing.T) *cloudwatchtest.Metrics {
	t.Helper()
	m, err := w.log.Metrics()
	require.NoError(t, err)
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, a := range w.aws {
		require.NoError(t, m.Put(a.metric, a.unit, a.at, a.value))
	}
	return m
}

// expectAlarms checks which alarms of the template are on.
func (w *watched) expectAlarms(t *testing.T, want ...string) {
	t.Helper()
	metrics := w.metrics(t)
	var on []string
	for _, id := range slices.Sorted(maps.Keys(w.stack.alarms)) {
		state, err := metrics.Evaluate(w.stack.alarms[id], w.now(), cloudwatchtest.OK)
		require.NoError(t, err)
		if state != cloudwatchtest.OK {
			require.Equal(t, cloudwatchtest.InAlarm, state, id)
			on = append(on, id)
		}
	}
	require.ElementsMatch(t, want, on)
}

// total returns the sum of a metric that observe writes by some dimensions beside those of the API,
// or by the function.
func (w *watched) total(t *testing.T, name string, dimensions ...string) (sum float64) {
	t.Helper()
	of := map[string]string{"Api": "localapi00", "Stage": "local"}
	for i := 0; i < len(dimensions); i += 2 {
		of[dimensions[i]] = dimensions[i+1]
		if dimensions[i] == "Function" {
			delete(of, "Api")
			delete(of, "Stage")
		}
	}
	points := w.metrics(t).Points(cloudwatchtest.Metric{Namespace: "gatesock", Name: name, Dimensions: of})
	for _, p := range points {
		sum += p.Value
	}
	return sum
}

// refusing is the way to a DynamoDB that refuses some requests.
type refusing struct {
	next dynamodb.HTTPClient
	// exception returns the exception for an operation, such as "PutItem", or "".
	exception atomic.Pointer[func(operation string) string]
	refused   atomic.Int64
}

// Do answers in place of DynamoDB if the request is refused (Amazon DynamoDB Developer Guide,
// "Error handling with DynamoDB").
func (f *refusing) Do(r *http.Request) (*http.Response, error) {
	_, operation, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	exception := ""
	if refuse := f.exception.Load(); refuse != nil {
		exception = (*refuse)(operation)
	}
	if exception == "" {
		return f.next.Do(r)
	}
	f.refused.Add(1)
	body := `{"__type":"com.amazonaws.dynamodb.v20120810#` + exception + `","message":"refused by the test"}`
	return &http.Response{
		StatusCode: http.StatusBadRequest, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Request: r,
		Header: http.Header{"Content-Type": {"application/x-amz-json-1.0"}, "X-Amzn-Requestid": {rand.Text()}},
		Body:   io.NopCloser(bytes.NewReader([]byte(body))), ContentLength: int64(len(body)),
	}, nil
}

// refuse sets what is refused from now on.
func (f *refusing) refuse(exception func(operation string) string) { f.exception.Store(&exception) }

// onTable returns a chat on a new table of DynamoDB Local, and the way to it.
func onTable(t *testing.T, rec *wstest.Recorder) (*chat.App, *refusing) {
	t.Helper()
	local, table := dynamotest.Local(t), "chat-"+rand.Text()
	require.NoError(t, dynamo.Open(local, table).CreateTable(t.Context()))
	way := &refusing{next: local.Options().HTTPClient}
	client := dynamodb.New(local.Options(), func(o *dynamodb.Options) {
		o.HTTPClient = way
		o.Retryer = retry.NewStandard(func(s *retry.StandardOptions) {
			s.MaxBackoff, s.RateLimiter = time.Millisecond, ratelimit.None
		})
	})
	app, err := chat.NewOnTable(client, table, rec, soon())
	require.NoError(t, err)
	return app, way
}

// DynamoDB refuses most writes for five minutes. The registry tries again; messages are refused,
// since the chat gives up.
func tableThatThrottles(t *testing.T, p *page, s *stackOfTheChat) *watched {
	t.Helper()
	rec := wstest.NewRecorder()
	app, table := onTable(t, rec)
	clock := emulator.NewManualClock(time.Now())
	w := watch(t, app, s, clock.Now)
	h := wstest.New(t, w.handler, wstest.WithPoster(rec), wstest.WithConfig(func(c *emulator.Config) { c.Clock = clock }))
	ann := enter(t, h, "Ann")
	bob := enter(t, h, "Bob", ann)
	h.Advance(time.Minute)
	w.expectAlarms(t)

	var writes atomic.Int64
	table.refuse(func(operation string) string {
		switch {
		case operation == "TransactWriteItems",
			slices.Contains([]string{"PutItem", "UpdateItem", "DeleteItem"}, operation) && writes.Add(1)%3 != 0:
			return "ProvisionedThroughputExceededException"
		}
		return ""
	})
	const minutes = 5
	for range minutes {
		before := table.refused.Load()
		bob.Request("unsubscribe", topicwire.Unsubscribe{Topic: "room:lobby"}).ExpectAck()
		bob.Request("subscribe", into("lobby", "Bob")).ExpectReply(nil)
		ann.Request("say", chat.Say{Room: "lobby", Text: "hello", Key: rand.Text()}).ExpectError(gatesock.CodeInternal)
		w.measure("TableWriteThrottlesAlarm", "Count", float64(table.refused.Load()-before))
		h.Advance(time.Minute)
	}
	w.expectAlarms(t, "TableWriteThrottlesAlarm", "HandlerErrorsAlarm")
	require.EqualValues(t, minutes, w.total(t, "Errors", "Code", "internal"))
	require.EqualValues(t, minutes, w.total(t, "Errors", "Route", "say"))

	causes := p.run(t, "WriteThrottlesAlarm", 0, w.log)
	require.ElementsMatch(t, []string{"say", "subscribe", "unsubscribe"}, causes.Column("cause"), causes)
	require.Equal(t, p.run(t, "ReadThrottlesAlarm", 0, w.log), causes)
	require.InDelta(t, w.total(t, "StoreThrottled", "Function", "local"), sumOf(t, causes.Column("refused")), 0)
	require.Greater(t, w.total(t, "StoreThrottled", "Function", "local"), 10.)
	failed := p.run(t, "WriteThrottlesAlarm", 1, w.log)
	require.Equal(t, slices.Repeat([]string{"say"}, minutes), failed.Column("route"), failed)
	errs := p.run(t, "HandlerErrorsAlarm", 0, w.log)
	require.Equal(t, []string{"say"}, errs.Column("route"))
	require.Equal(t, []string{"internal"}, errs.Column("code"))
	require.Equal(t, []string{"5"}, errs.Column("errors"))
	require.Contains(t, errs.Column("last")[0], "ProvisionedThroughputExceededException")
	require.Equal(t, failed.Column("requestId"), p.run(t, "HandlerErrorsAlarm", 1, w.log).Column("requestId"))

	// All of one event: what was logged, and the line of its metrics.
	text := queryPattern.FindStringSubmatch(p.sections["The log"])[2]
	one, err := cloudwatchtest.ParseQuery(strings.ReplaceAll(text, "REQUEST_ID", failed.Column("requestId")[0]))
	require.NoError(t, err)
	require.NotContains(t, text, failed.Column("requestId")[0])
	all, err := one.Run(w.log.Events())
	require.NoError(t, err)
	require.Len(t, all.Rows, 2, all)

	table.refuse(func(string) string { return "" })
	h.Advance(5 * time.Minute)
	ann.Request("say", chat.Say{Room: "lobby", Text: "hello", Key: "last"}).ExpectReply(nil)
	w.expectAlarms(t, "HandlerErrorsAlarm") // three of 15 minutes
	h.Advance(8 * time.Minute)
	w.expectAlarms(t)
	return w
}

// slowLog is a log behind a network that is slow.
type slowLog struct {
	topic.Log
	takes time.Duration
}

// Append waits, and appends.
func (s slowLog) Append(ctx context.Context, name string, e topic.Entry) (topic.Appended, error) {
	select {
	case <-time.After(s.takes):
		return s.Log.Append(ctx, name, e)
	case <-ctx.Done():
		return topic.Appended{}, ctx.Err()
	}
}

// timed measures what API Gateway measures: how long it waits for the function (API Gateway
// Developer Guide, "Monitor WebSocket API execution with CloudWatch metrics": IntegrationLatency).
type timed struct {
	*watched
	next lambda.Handler
}

// Invoke measures an invocation.
func (h timed) Invoke(ctx context.Context, event []byte) ([]byte, error) {
	began := h.now()
	out, err := h.next.Invoke(ctx, event)
	h.measure("IntegrationLatencyAlarm", "Milliseconds", float64(h.now().Sub(began).Milliseconds()))
	return out, err
}

// Unwrap returns the handler inside.
func (h timed) Unwrap() lambda.Handler { return h.next }

// Saying something takes three seconds, for five minutes.
func slowHandler(t *testing.T, p *page, s *stackOfTheChat) (w *watched) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		rec := wstest.NewRecorder()
		ended, topics := topic.NewEnded(), topic.NewMemory()
		app := chat.New(chat.Stores{
			Connections: conn.NewMemory(conn.WithEnded(ended.Func())),
			Log:         slowLog{topics, 3 * time.Second}, Roster: topics, Ended: ended,
		}, rec, soon())
		w = watch(t, app, s, time.Now)
		h := wstest.New(t, timed{w, w.handler}, wstest.WithPoster(rec),
			wstest.WithConfig(func(c *emulator.Config) { c.Clock = nil }))
		ann := enter(t, h, "Ann")
		<-time.After(time.Minute)
		w.expectAlarms(t)
		const minutes = 5
		for range minutes {
			for range 10 {
				ann.Request("sync", topicwire.Sync{}).ExpectReply(nil)
			}
			ann.Request("say", chat.Say{Room: "lobby", Text: "hello", Key: rand.Text()}).ExpectReply(nil)
			<-time.After(57 * time.Second)
		}
		w.expectAlarms(t, "IntegrationLatencyAlarm")
		require.EqualValues(t, minutes*3000, w.total(t, "Duration", "Route", "say"))
		require.Zero(t, w.total(t, "Duration", "Route", "sync"))

		routes := p.run(t, "IntegrationLatencyAlarm", 0, w.log)
		require.Equal(t, "say", routes.Column("Route")[0], routes)
		require.Equal(t, "5", routes.Column("events")[0])
		require.Equal(t, "3000", routes.Column("p99")[0])
		require.ElementsMatch(t, []string{"say", "subscribe", "sync", "$connect"}, routes.Column("Route"))
		slowest := p.run(t, "IntegrationLatencyAlarm", 1, w.log)
		require.Equal(t, slices.Repeat([]string{"say"}, minutes), slowest.Column("Route"), slowest)
		require.Equal(t, ann.ID(), slowest.Column("connectionId")[0])
		busy := p.run(t, "FunctionThrottlesAlarm", 0, w.log)
		require.Contains(t, busy.Column("longest"), "3000")

		<-time.After(time.Minute)
		w.expectAlarms(t)
	})
	return w
}

// Sockets are cut without a close frame, for a quarter of an hour. One is found gone by a post
// before its $disconnect arrives.
func clientsThatVanish(t *testing.T, p *page, s *stackOfTheChat) *watched {
	t.Helper()
	rec := wstest.NewRecorder()
	clock := emulator.NewManualClock(time.Now())
	w := watch(t, chat.NewInMemory(rec, soon()), s, clock.Now)
	h := wstest.NewServer(t, w.handler, wstest.WithPoster(rec),
		wstest.WithConfig(func(c *emulator.Config) { c.Clock = clock }))
	dial := func(name string) *wstest.Client {
		c := h.Dial(t)
		join(c, "lobby", name)
		return c
	}
	ann, bob := dial("Ann"), dial("Bob")
	const periods, vanish, leave = 3, 12, 2
	for period := range periods {
		for range vanish {
			h.Dial(t).Abort()
		}
		for range leave {
			h.Dial(t).Close(1000, "")
		}
		if period == 1 {
			rec.Gone(bob.ID()) // long before his $disconnect
		}
		ann.Request("say", chat.Say{Room: "lobby", Text: "hello", Key: rand.Text()}).ExpectReply(nil)
		if period == 1 {
			var d topicwire.Diff
			for len(d.Left) == 0 {
				ann.ExpectPush("presence", &d)
			}
		}
		h.Advance(5 * time.Minute)
	}
	w.expectAlarms(t, "ConnectionsLostAlarm")
	require.EqualValues(t, periods*vanish, w.total(t, "ConnectionsClosed", "CloseCode", "1006"))
	require.EqualValues(t, periods*leave, w.total(t, "ConnectionsClosed", "CloseCode", "1000"))
	require.EqualValues(t, 1, w.total(t, "PostsGone", "Function", "local"))
	require.EqualValues(t, 2, w.total(t, "PostsDelivered", "Function", "local")-float64(len(rec.PostsTo(ann.ID()))),
		"to Bob, that he is here, and one message")

	closes := p.run(t, "ConnectionsLostAlarm", 0, w.log)
	require.Equal(t, []string{"1006", "1000", "1001"}, closes.Column("CloseCode"), closes)
	require.Equal(t, []string{"36", "6", "1"}, closes.Column("closed"), "1001 is Bob, who was idle")
	gone := p.run(t, "ConnectionsLostAlarm", 1, w.log)
	require.Equal(t, []string{"say"}, gone.Column("cause"))
	require.Equal(t, []string{"1"}, gone.Column("gone"))

	h.Advance(5 * time.Minute)
	w.expectAlarms(t)
	return w
}

// The other faults, once each: no alarm is on for them, but the queries of their sections find
// them.
func oneOfEverything(t *testing.T, p *page, s *stackOfTheChat) *watched {
	t.Helper()
	rec := wstest.NewRecorder()
	app, table := onTable(t, rec)
	clock := emulator.NewManualClock(time.Now())
	w := watch(t, app, s, clock.Now)
	h := wstest.New(t, w.handler, wstest.WithPoster(rec), wstest.WithConfig(func(c *emulator.Config) { c.Clock = clock }))
	ann := h.Connect(wstest.WithUser("ann"))
	join(ann, "lobby", "Ann")
	bob := enter(t, h, "Bob", ann)
	say := func() *wstest.Call {
		return ann.Request("say", chat.Say{Room: "lobby", Text: "hello", Key: rand.Text()})
	}
	first := func(section string, number int, column string) string {
		result := p.run(t, section, number, w.log)
		require.NotEmpty(t, result.Rows, section)
		return result.Column(column)[0]
	}
	rec.Throttle(bob.ID(), 1)
	say().ExpectReply(nil)
	require.Equal(t, "say", first("PostsThrottledAlarm", 0, "cause"))
	require.NotEmpty(t, first("MessageRateAlarm", 0, "posts"))
	require.Equal(t, ann.ID(), first("MessageRateAlarm", 1, "connectionId"))

	rec.Fail(bob.ID(), errors.New("the network is down"))
	say().ExpectReply(nil)
	require.Equal(t, "say", first("PostsFailedAlarm", 0, "cause"))
	require.Equal(t, "say", first("FanOutUnreachedAlarm", 0, "cause"))
	rec.ClearFaults()

	const schedule = `{"source":"aws.scheduler","detail-type":"Scheduled Event","detail":{},` +
		`"resources":["arn:aws:scheduler:eu-west-1:123456789012:schedule/chat/sweep"]}`
	_, err := w.handler.Invoke(t.Context(), []byte(schedule))
	require.NoError(t, err)
	require.Equal(t, "2", first("LiveConnectionsAlarm", 0, "LiveConnections"))

	table.refuse(func(string) string { return "AccessDeniedException" })
	_, err = w.handler.Invoke(t.Context(), []byte(schedule))
	require.Error(t, err)
	require.Contains(t, first("FunctionErrorsAlarm", 0, "@message"), `"outcome":"error"`)
	require.Equal(t, http.StatusServiceUnavailable, h.ConnectRefused())
	require.Equal(t, "unavailable", first("ConnectionsRefusedAlarm", 0, "Code"))
	say().ExpectError(gatesock.CodeInternal)
	require.Subset(t, p.run(t, "StoreErrorsAlarm", 0, w.log).Column("cause"), []string{"say", "$connect", "schedule"})
	require.Contains(t, first("StoreErrorsAlarm", 1, "last"), "AccessDeniedException")
	require.ElementsMatch(t, []string{"unavailable", "internal"}, p.run(t, "IntegrationErrorAlarm", 0, w.log).Column("Code"))
	require.Subset(t, p.run(t, "CostAlarm", 0, w.log).Column("Route"), []string{"say", "subscribe"})
	table.refuse(func(string) string { return "" })
	return w
}

func sumOf(t *testing.T, column []string) (sum float64) {
	t.Helper()
	for _, text := range column {
		n, err := strconv.ParseFloat(text, 64)
		require.NoError(t, err)
		sum += n
	}
	return sum
}
