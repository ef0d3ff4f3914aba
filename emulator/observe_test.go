package emulator

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
)

// watcher has the events of a gateway as lines.
type watcher struct {
	mu    sync.Mutex
	lines []string
}

func (o *watcher) observe(e Event) {
	line := fmt.Sprintf("%s #%d %s", e.Kind, e.Connection, e.Time.Format("05"))
	add := func(name string, value any, is bool) {
		if is {
			line += fmt.Sprintf(" %s=%v", name, value)
		}
	}
	add("request", len(e.RequestID), e.RequestID != "")
	add("route", e.Route, e.Route != "")
	add("frame", e.Frame, e.Frame != "")
	add("method", e.Method, e.Method != "")
	add("status", e.Status, e.Status != 0)
	add("code", e.Code, e.Code != 0)
	add("reason", e.Reason, e.Reason != "")
	add("client", e.ByClient, e.ByClient)
	add("took", e.Duration, e.Duration > time.Millisecond)
	add("input", len(e.Input) > 100, e.Input != nil)
	add("error", e.Err, e.Err != nil)
	add("bytes", fmt.Sprintf("%d %.50s", e.Bytes, e.Body), e.Body != nil)
	o.mu.Lock()
	defer o.mu.Unlock()
	o.lines = append(o.lines, line)
}

// take returns the lines so far.
func (o *watcher) take() []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	lines := o.lines
	o.lines = nil
	return lines
}

// watched returns a client of a gateway with a function that takes three seconds for a "slow"
// message and fails for a "bad" one.
func watched(t *testing.T) (*deployed, *watcher) {
	t.Helper()
	var (
		o watcher
		d *deployed
	)
	h := handlerFunc(func(_ context.Context, event []byte) ([]byte, error) {
		in, err := read(event)
		switch {
		case err != nil, in.Body == nil:
			return status(200), err
		case strings.Contains(*in.Body, "slow"):
			d.clock.Advance(3 * time.Second)
		case strings.Contains(*in.Body, "bad"):
			return nil, errors.New("bad")
		}
		return []byte(`{"statusCode":200,"body":"hello"}`), nil
	})
	table := append(routes("$connect", "$disconnect", "say!", "tell"),
		gatesock.Route{Key: "ping", Mock: []byte("pong"), NeedsResponse: true})
	d = newDeployed(t, h, Config{
		Routes: table, Observe: o.observe,
		Models: map[string]func([]byte) error{"tell": func(body []byte) error {
			if len(body) > 100 {
				return errors.New("long")
			}
			return nil
		}},
	})
	return d, &o
}

func TestObserveAConnection(t *testing.T) {
	t.Parallel()
	d, o := watched(t)
	require.Equal(t, []string{
		`invoked #1 00 request=16 route=$connect input=true bytes=18 {"statusCode":200}`,
		`connected #1 00 request=16 route=$connect status=101`,
	}, o.take())
	d.s.Close(context.Background(), 4000, "bye")
	require.Equal(t, []string{
		`disconnected #1 00 code=4000 reason=bye client=true`,
		`invoked #1 00 request=16 route=$disconnect input=true bytes=18 {"statusCode":200}`,
	}, o.take())
}

func TestObserveMessages(t *testing.T) {
	t.Parallel()
	d, o := watched(t)
	o.take()
	for _, c := range []struct {
		message string
		want    []string
	}{
		{`{"action":"say","text":"slow"}`, []string{
			`received #1 00 request=16 route=say bytes=30 {"action":"say","text":"slow"}`,
			`invoked #1 03 request=16 route=say took=3s input=true bytes=33 {"statusCode":200,"body":"hello"}`,
			`sent #1 03 request=16 route=say frame=answer bytes=5 hello`,
		}},
		{`{"action":"say","text":"bad"}`, []string{
			`received #1 03 request=16 route=say bytes=29 {"action":"say","text":"bad"}`,
			`invoked #1 03 request=16 route=say input=true error=the function failed: bad`,
			`sent #1 03 request=16 route=say frame=error bytes=103 {"message": "Internal server error", "connectionId`,
		}},
		{`{"action":"ping"}`, []string{
			`received #1 03 request=16 route=ping bytes=17 {"action":"ping"}`,
			`sent #1 03 request=16 route=ping frame=mock bytes=4 pong`,
		}},
		{`hi`, []string{
			`received #1 03 request=16 bytes=2 hi`,
			`sent #1 03 request=16 frame=error bytes=91 {"message": "Forbidden", "connectionId":"` + d.s.ID()[:9],
		}},
		{`{"action":"tell","text":"` + strings.Repeat("x", 100) + `"}`, []string{
			`received #1 03 request=16 route=tell bytes=127 {"action":"tell","text":"` + strings.Repeat("x", 25),
			`sent #1 03 request=16 route=tell frame=error bytes=101 {"message" : "Bad request body", "connectionId": "`,
		}},
	} {
		d.send(c.message)
		require.Equal(t, c.want, o.take())
	}
}

// A message that closes the connection appears as the end of it.
func TestObserveTheGatewaysClose(t *testing.T) {
	t.Parallel()
	d, o := watched(t)
	o.take()
	require.NoError(t, d.s.Receive(context.Background(), Message{Binary: true}))
	require.Equal(t, `disconnected #1 00 code=1003`, o.take()[0])
}

// All events of a message have its request id.
func TestObserveRequestIDs(t *testing.T) {
	t.Parallel()
	var ids []string
	d := newDeployed(t, replies("hello"), Config{Routes: routes("say!"), Observe: func(e Event) {
		if e.Kind != EventConnected {
			ids = append(ids, e.RequestID)
		}
	}})
	d.send(`{"action":"say"}`)
	d.send(`{"action":"say"}`)
	require.Len(t, ids, 6)
	require.Equal(t, []string{ids[0], ids[0], ids[0], ids[3], ids[3], ids[3]}, ids)
	require.NotEqual(t, ids[0], ids[3])
}

func TestObserveARefusal(t *testing.T) {
	t.Parallel()
	var o watcher
	g, err := New(replies(""), Config{
		Observe: o.observe, Logger: slog.New(slog.DiscardHandler), Clock: NewManualClock(start()),
		Authorizer: &Authorizer{Handler: handlerFunc(func(context.Context, []byte) ([]byte, error) {
			return nil, errors.New("Unauthorized")
		})},
	})
	require.NoError(t, err)
	_, err = g.Connect(context.Background(), Handshake{}, discardClient{})
	require.Error(t, err)
	require.Equal(t, []string{
		`invoked #1 00 request=16 route=authorizer input=true`,
		`refused #1 00 request=16 route=$connect status=401 reason=Unauthorized`,
	}, o.take())
	require.NoError(t, g.Shutdown(context.Background()))
}

// A frame that does not reach the client is an event with an error.
func TestObserveADroppedFrame(t *testing.T) {
	t.Parallel()
	d, o := watched(t)
	o.take()
	d.gw.Faults().Add(BufferFull())
	require.NoError(t, d.s.Receive(context.Background(), Message{Data: []byte(`{"action":"ping"}`)}))
	require.Equal(t, []string{
		`received #1 00 request=16 route=ping bytes=17 {"action":"ping"}`,
		`sent #1 00 request=16 route=ping frame=mock error=emulator: the client's buffer is full bytes=4 pong`,
	}, o.take())
}

// Calls appear with their status, in the process as well as over HTTP.
func TestObserveCalls(t *testing.T) {
	t.Parallel()
	d, o := watched(t)
	ctx, id := context.Background(), d.s.ID()
	to := gatesock.Target{ConnectionID: id}
	closed := gatesock.Target{ConnectionID: "AAAAAAAAAAAAAAA="}
	inProcess := func() {
		require.NoError(t, d.gw.Post(ctx, to, []byte("post")))
		_, err := d.gw.Info(ctx, to)
		require.NoError(t, err)
		require.Error(t, d.gw.Post(ctx, closed, []byte("post")))
		require.Error(t, d.gw.Post(ctx, gatesock.Target{ConnectionID: "?"}, nil))
		require.Error(t, d.gw.Post(ctx, to, []byte("\xff")))
	}
	overHTTP := func() {
		call := func(method, id, body string, header ...string) {
			r := httptest.NewRequestWithContext(ctx, method, "http://localhost/local/@connections/"+id, strings.NewReader(body))
			if len(header) > 0 {
				r.Header.Set(header[0], header[1])
			}
			d.gw.ServeHTTP(httptest.NewRecorder(), r)
		}
		call("POST", id, "post")
		call("GET", id, "")
		call("POST", closed.ConnectionID, "post")
		call("POST", "%3F", "")
		call("POST", id, "\xff")
		call("POST", id, strings.Repeat("x", gatesock.MaxMessageSize+1))
		call("PUT", id, "")
		call("POST", id, "", "Sec-Fetch-Site", "cross-site")
	}
	common := []string{
		"called #1 00 method=POST status=200 bytes=4 post",
		"called #1 00 method=GET status=200",
		"called #0 00 method=POST status=410 error=gatesock: connection is gone bytes=4 post",
		"called #0 00 method=POST status=400 error=gatesock: bad connection id",
		"called #1 00 method=POST status=400 error=emulator: posted data is not UTF-8 bytes=1 \xff",
	}
	for name, call := range map[string]func(){"in the process": inProcess, "over HTTP": overHTTP} {
		o.take()
		call()
		got := o.take()
		for i, line := range common {
			require.Regexp(t, "^"+strings.SplitN(line, " error", 2)[0], got[i], name)
		}
		if len(got) > len(common) {
			require.Regexp(t, `status=413 `, got[5])
			require.Regexp(t, `method=PUT status=404 `, got[6])
			require.Regexp(t, `status=403 `, got[7])
		}
	}
	require.NoError(t, d.gw.Disconnect(ctx, to))
	require.NoError(t, d.gw.Quiesce(ctx))
	require.Equal(t, []string{
		"called #1 00 method=DELETE status=204",
		"disconnected #1 00 code=1000 reason=Connection Closed Normally",
	}, o.take()[:2])
}

// The status of a call over HTTP is the one that the caller gets.
func TestCallStatus(t *testing.T) {
	t.Parallel()
	for _, err := range []error{
		gatesock.ErrForbidden, gatesock.ErrGone, gatesock.ErrBadConnectionID, gatesock.ErrTooLarge,
		gatesock.ErrThrottled, ErrNotUTF8, errors.New("other"),
	} {
		w := httptest.NewRecorder()
		writeError(w, gatesock.Target{}, fmt.Errorf("wrapped: %w", err))
		require.Equal(t, w.Code, callStatus(http.MethodPost, err), "%v", err)
	}
	require.Zero(t, callStatus(http.MethodGet, context.Canceled), "nobody got an answer")
}

// A deployment may bring another observer.
func TestObserveAfterADeployment(t *testing.T) {
	t.Parallel()
	var first, second watcher
	d := newDeployed(t, replies("a"), Config{Routes: routes("$default!"), Observe: first.observe})
	require.NoError(t, d.gw.Deploy(replies("b"), Config{Routes: routes("$default!"), Observe: second.observe}))
	first.take()
	d.send("x")
	require.Empty(t, first.take())
	require.Len(t, second.take(), 3)
}
