package main

import (
	"fmt"
	"hash/crc32"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// connectionID is the connection that sends the event.
const connectionID = "L0SM9cOFvHcCIhw="

// event is a client's message, with the members that the router reads.
const event = `{"requestContext":{"routeKey":"say","messageId":"L0SM9dKpvHcCIhw=","eventType":"MESSAGE",` +
	`"extendedRequestId":"L0SM9HZ4PHcFZyg=","requestTime":"24/Nov/2026:12:00:00 +0000","messageDirection":"IN",` +
	`"stage":"prod","connectedAt":1795521600000,"requestTimeEpoch":1795521600000,"identity":{"sourceIp":"192.0.2.1"},` +
	`"requestId":"L0SM9HZ4PHcFZyg=","domainName":"abc123.execute-api.eu-west-1.amazonaws.com",` +
	`"connectionId":"` + connectionID + `","apiId":"abc123"},` +
	`"body":"{\"action\":\"say\",\"text\":\"hello\"}","isBase64Encoded":false}`

// runtimeAPI serves one process with Lambda's Runtime API, which has one event for it, and with the
// gateway that it posts to.
type runtimeAPI struct {
	mu       sync.Mutex
	next     time.Time // when the function first asked
	posted   time.Time // when its post was answered
	failure  string
	answered chan struct{} // closed when the event is
}

func newRuntimeAPI() *runtimeAPI { return &runtimeAPI{answered: make(chan struct{})} }

// ServeHTTP serves the Runtime API (AWS Lambda Developer Guide, "Using the Lambda runtime API").
func (a *runtimeAPI) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	const invocation = "/2018-06-01/runtime/invocation/"
	switch r.URL.Path {
	case invocation + "next":
		if !a.first() {
			<-r.Context().Done() // There is no second event.
			return
		}
		w.Header().Set("Lambda-Runtime-Aws-Request-Id", "1")
		w.Header().Set("Lambda-Runtime-Invoked-Function-Arn", "arn:aws:lambda:eu-west-1:123456789012:function:f")
		w.Header().Set("Lambda-Runtime-Deadline-Ms", fmt.Sprint(time.Now().Add(time.Minute).UnixMilli()))
		_, _ = io.WriteString(w, event)
	case invocation + "1/response":
		a.end("")
		w.WriteHeader(http.StatusAccepted)
	default:
		body, _ := io.ReadAll(r.Body)
		a.end(fmt.Sprintf("%s: %s", r.URL.Path, body))
		w.WriteHeader(http.StatusAccepted)
	}
}

func (a *runtimeAPI) first() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.next.IsZero() {
		return false
	}
	a.next = time.Now()
	return true
}

func (a *runtimeAPI) end(failure string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.failure = failure
	close(a.answered)
}

// gateway answers the post.
func (a *runtimeAPI) gateway(w http.ResponseWriter, r *http.Request) {
	if _, err := io.Copy(io.Discard, r.Body); err != nil {
		return
	}
	if strings.HasPrefix(r.Header.Get("X-Amz-Target"), "DynamoDB") { // no item
		w.Header().Set("Content-Type", "application/x-amz-json-1.0")
		w.Header().Set("X-Amz-Crc32", strconv.FormatUint(uint64(crc32.ChecksumIEEE([]byte("{}"))), 10))
		_, _ = io.WriteString(w, "{}")
		return
	}
	w.Header().Set("Content-Length", "0")
	if r.URL.Path != "/prod/@connections/"+connectionID || r.Header.Get("Authorization") == "" {
		w.WriteHeader(http.StatusForbidden)
	}
	// Note the time before the answer is sent: this goroutine may not run again before the function
	// has gone on.
	a.mu.Lock()
	a.posted = time.Now()
	a.mu.Unlock()
}

// times are the durations of a start: toNext and toPost since the start of the process, and the CPU
// time until the event was answered.
type times struct{ toNext, toPost, cpu time.Duration }

// since returns the times since the start of the process. The event must have been answered.
func (a *runtimeAPI) since(start time.Time) (times, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.failure != "" || a.posted.IsZero() {
		return times{}, fmt.Errorf("the function failed: %s", a.failure)
	}
	return times{toNext: a.next.Sub(start), toPost: a.posted.Sub(start)}, nil
}
