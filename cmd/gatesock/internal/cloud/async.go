package cloud

import (
	"context"
	"encoding/json"
	"time"

	"github.com/gatesock/gatesock/cmd/gatesock/internal/cloud/api"
	"github.com/gatesock/gatesock/cmd/gatesock/internal/cloud/queue"
	"github.com/gatesock/gatesock/cmd/gatesock/internal/project"
	"github.com/gatesock/gatesock/internal/oneline"
)

const (
	asyncMaxAge      = 6 * time.Hour
	asyncRetries     = 2
	asyncFirstWait   = time.Minute
	throttleFirst    = time.Second
	throttleMost     = 5 * time.Minute
	timestampFormat  = "2006-01-02T15:04:05.000Z"
	maxErrorMessage  = 1024 // bytes of the attribute ErrorMessage of a dead letter
	executedVersion  = "$LATEST"
	conditionSuccess = "Success"
)

// asyncOf returns how a function is invoked asynchronously, with the defaults in place.
func asyncOf(f *project.Function) project.Async {
	a := f.Async
	if a == (project.Async{}) {
		a.Retries = asyncRetries
	}
	if a.MaxAge == 0 {
		a.MaxAge = asyncMaxAge
	}
	return a
}

// enqueue invokes a function asynchronously: it returns at once, and what happens to the event is
// between the function and its destinations.
func (c *Cloud) enqueue(f *project.Function, payload []byte, source string) {
	call := &asyncCall{
		c: c, f: f, how: asyncOf(f), payload: payload, source: source, id: api.NewID(), received: c.clock.Now(),
	}
	c.spawn(call.run)
}

// asyncCall is an event that a function is to be invoked with.
type asyncCall struct {
	c        *Cloud
	f        *project.Function
	how      project.Async
	payload  []byte
	source   string
	id       string
	received time.Time
	attempts int
}

// run tries until the function succeeds, or the attempts or the time are used up.
func (a *asyncCall) run(ctx context.Context) {
	wait, throttled := asyncFirstWait, throttleFirst
	for {
		response, err := a.try(ctx)
		if ctx.Err() != nil {
			return
		}
		pause := wait
		switch {
		case err == nil:
			a.succeeded(ctx, response)
			return
		case isThrottle(err):
			pause, throttled = throttled, min(2*throttled, throttleMost)
		case a.attempts > a.how.Retries:
			a.failed(ctx, err, "RetriesExhausted")
			return
		default:
			wait *= 2
		}
		if a.c.clock.Now().Add(pause).Sub(a.received) > a.how.MaxAge {
			a.failed(ctx, err, "EventAgeExceeded")
			return
		}
		if a.c.sleep(ctx, pause) != nil {
			return
		}
	}
}

func (a *asyncCall) try(ctx context.Context) ([]byte, error) {
	begin := a.c.clock.Now()
	response, err := a.c.call(ctx, a.f, a.payload)
	if !isThrottle(err) {
		a.attempts++
	}
	if ctx.Err() == nil {
		a.c.log(Event{
			Time: begin, Kind: KindAsync, Source: a.source, Target: a.f.ID, Duration: a.c.clock.Now().Sub(begin), Err: err,
			Attempts: a.attempts, Text: oneline.Of(string(response), maxText),
		})
	}
	return response, err
}

func (a *asyncCall) succeeded(ctx context.Context, response []byte) {
	if a.how.OnSuccess == "" {
		return
	}
	a.send(ctx, KindOutcome, a.how.OnSuccess, "Lambda Function Invocation Result - Success", parcel{
		body: a.document(conditionSuccess, map[string]any{"statusCode": 200, "executedVersion": executedVersion}, response),
	})
}

// failed sends the event to the dead-letter queue and to the destination for failures.
func (a *asyncCall) failed(ctx context.Context, err error, condition string) {
	if a.how.DeadLetter != "" {
		_, message := errorFields(err)
		a.send(ctx, KindDeadLetter, a.how.DeadLetter, "", parcel{body: a.payload, attributes: map[string]queue.Attribute{
			"RequestID":    {DataType: "String", StringValue: a.id},
			"ErrorCode":    {DataType: "Number", StringValue: "200"},
			"ErrorMessage": {DataType: "String", StringValue: orDash(oneline.Cut(message, maxErrorMessage))},
		}})
	}
	if a.how.OnFailure == "" {
		return
	}
	result := map[string]any{"statusCode": 200, "executedVersion": executedVersion, "functionError": "Unhandled"}
	a.send(ctx, KindOutcome, a.how.OnFailure, "Lambda Function Invocation Result - Failure", parcel{
		body: a.document(condition, result, errorPayload(err)),
	})
}

// orDash returns a text that an attribute may have: it must not be empty.
func orDash(text string) string {
	if text == "" {
		return "-"
	}
	return text
}

// document is what a destination gets.
func (a *asyncCall) document(condition string, result map[string]any, response []byte) []byte {
	document := map[string]any{
		"version":   "1.0",
		"timestamp": a.c.clock.Now().UTC().Format(timestampFormat),
		"requestContext": map[string]any{
			"requestId": a.id, "functionArn": a.f.ARN + ":" + executedVersion, "condition": condition,
			"approximateInvokeCount": a.attempts,
		},
		"requestPayload":  json.RawMessage(a.payload),
		"responseContext": result,
	}
	if json.Valid(response) {
		document["responsePayload"] = json.RawMessage(response)
	} else {
		document["responsePayload"] = string(response)
	}
	return mustJSON(document)
}

// send delivers an outcome and logs it.
func (a *asyncCall) send(ctx context.Context, kind, arn, detailType string, p parcel) {
	p.source, p.detailType, p.resources = "lambda", detailType, []string{a.f.ARN + ":" + executedVersion}
	a.c.deliverAndLog(ctx, kind, a.f.ID, arn, p)
}

// mustJSON marshals what has only strings, numbers, maps, lists and valid raw JSON.
func mustJSON(v any) []byte {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return text
}
