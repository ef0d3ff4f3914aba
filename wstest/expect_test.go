package wstest_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/wstest"
)

// script returns an application that sends the frames in the request, one of them as its answer.
func script() *gatesock.Router {
	r := gatesock.New()
	r.Use(gatesock.Recover())
	gatesock.HandleReply(r, "number", func(_ ctx, _ *request, _ empty) (int, error) { return 7, nil })
	gatesock.HandleReply(r, "null", func(_ ctx, _ *request, _ empty) ([]int, error) { return nil, nil })
	gatesock.Handle(r, "ack", func(_ ctx, _ *request, _ empty) error { return nil })
	gatesock.Handle(r, "limit", func(_ ctx, _ *request, _ empty) error {
		return gatesock.Errorf(gatesock.CodeRateLimited, "slow down").
			WithRetryAfter(120 * time.Millisecond).WithDetails(map[string]int{"limit": 5})
	})
	return r
}

func TestExpectFailuresShowTheFrames(t *testing.T) {
	t.Parallel()
	push := func(event, topic string, data any) string {
		frame, err := gatesock.Push{Event: event, Topic: topic, Data: data}.Encode(nil)
		require.NoError(t, err)
		return string(frame)
	}
	var number int
	var text string
	for name, c := range map[string]struct {
		frames []string // that are posted first
		act    func(h *wstest.Harness, c *wstest.Client)
		want   string // CLIENT stands for the client's name
	}{
		"no frames": {
			act: func(_ *wstest.Harness, c *wstest.Client) { c.ExpectPush("joined", nil) },
			want: `wstest: CLIENT expected a push of event "joined"
	no frames were received`,
		},
		"another push": {
			frames: []string{push("left", "", 1), push("joined", "room:1", 2)},
			act: func(_ *wstest.Harness, c *wstest.Client) {
				c.ExpectPush("left", nil)
				c.ExpectPushOn("room:2", "joined", nil)
			},
			want: `wstest: CLIENT expected a push of event "joined" on topic "room:2"
	2 frames received, in this order (✓ matched, · not matched):
	  1 ✓ {"event":"left","data":1}
	  2 · {"event":"joined","topic":"room:1","data":2}`,
		},
		"push of another type": {
			frames: []string{push("left", "", 1)},
			act:    func(_ *wstest.Harness, c *wstest.Client) { c.ExpectPush("left", &text) },
			want: `wstest: CLIENT received a push of event "left", but its data does not fit into *string: ` +
				`json: cannot unmarshal number into Go value of type string` + `
	1 frame received, in this order (✓ matched, · not matched):
	  1 ✓ {"event":"left","data":1}`,
		},
		"push with an error": {
			frames: []string{`{"event":"ack","id":"1","error":{"code":"internal","message":"internal error"}}`},
			act:    func(_ *wstest.Harness, c *wstest.Client) { c.ExpectPush("ack", nil) },
			want: `wstest: CLIENT received a push of event "ack", but it has an error
	1 frame received, in this order (✓ matched, · not matched):
	  1 ✓ {"event":"ack","id":"1","error":{"code":"internal","message":"internal error"}}`,
		},
		"no result": {
			frames: []string{`{"event":"ack","id":"2","data":null}`},
			act:    func(_ *wstest.Harness, c *wstest.Client) { c.Request("ack", nil).ExpectResult(nil) },
			want: `wstest: CLIENT expected a result of "ack" with id "1"
	2 frames received, in this order (✓ matched, · not matched):
	  1 · {"event":"ack","id":"2","data":null}
	  2 · {"id":"1","action":"ack","data":null}`,
		},
		"an error as the result": {
			frames: []string{`{"event":"ack","id":"1","error":{"code":"internal","message":"internal error"}}`},
			act:    func(_ *wstest.Harness, c *wstest.Client) { c.Request("ack", nil).ExpectResult(nil) },
			want: `wstest: CLIENT expected a result of "ack" with id "1", not an error
	2 frames received, in this order (✓ matched, · not matched):
	  1 ✓ {"event":"ack","id":"1","error":{"code":"internal","message":"internal error"}}
	  2 · {"id":"1","action":"ack","data":null}`,
		},
		"a result of another type": {
			frames: []string{`{"event":"ack","id":"1","data":7}`},
			act:    func(_ *wstest.Harness, c *wstest.Client) { c.Request("ack", nil).ExpectResult(&text) },
			want: `wstest: CLIENT received a result of "ack" with id "1", but its data does not fit into *string: ` +
				`json: cannot unmarshal number into Go value of type string` + `
	2 frames received, in this order (✓ matched, · not matched):
	  1 ✓ {"event":"ack","id":"1","data":7}
	  2 · {"id":"1","action":"ack","data":null}`,
		},
		"data as the result": {
			frames: []string{`{"event":"ack","id":"1","data":7}`},
			act: func(_ *wstest.Harness, c *wstest.Client) {
				c.Request("ack", nil).ExpectResultError(gatesock.CodeInternal)
			},
			want: `wstest: CLIENT expected an error with code "internal" as the result of "ack" with id "1"
	2 frames received, in this order (✓ matched, · not matched):
	  1 ✓ {"event":"ack","id":"1","data":7}
	  2 · {"id":"1","action":"ack","data":null}`,
		},
		"out is not a pointer": {
			frames: []string{push("left", "", 1)},
			act:    func(_ *wstest.Harness, c *wstest.Client) { c.ExpectPush("left", 0) },
			want: `wstest: CLIENT received a push of event "left", but out is a int, not a pointer to decode into
	1 frame received, in this order (✓ matched, · not matched):
	  1 ✓ {"event":"left","data":1}`,
		},
		"frame": {
			frames: []string{strings.Repeat("x", 500)},
			act:    func(_ *wstest.Harness, c *wstest.Client) { c.ExpectFrame("y…") },
			want: `wstest: CLIENT expected the frame y…
	1 frame received, in this order (✓ matched, · not matched):
	  1 · ` + strings.Repeat("x", 400) + `… (500 bytes)`,
		},
		"another value of a name": {
			frames: []string{"a 1", "b 2"},
			act: func(_ *wstest.Harness, c *wstest.Client) {
				c.ExpectFrame("a ${n}")
				c.ExpectFrame("b ${n}")
			},
			want: `wstest: CLIENT expected the frame b ${n} with n = "1"
	2 frames received, in this order (✓ matched, · not matched):
	  1 ✓ a 1
	  2 · b 2`,
		},
		"another next frame": {
			frames: []string{"", "a", "b", "c"},
			act: func(_ *wstest.Harness, c *wstest.Client) {
				c.ExpectNext("a")
				c.ExpectNext("c")
			},
			want: `wstest: CLIENT expected the next frame to be c, not b
	4 frames received, in this order (✓ matched, · not matched):
	  1 · (empty; clients ignore it)
	  2 ✓ a
	  3 · b
	  4 · c`,
		},
		"no next frame": {
			frames: []string{""},
			act:    func(_ *wstest.Harness, c *wstest.Client) { c.ExpectNext("") },
			want: `wstest: CLIENT expected the next frame to be ` + `
	1 frame received, in this order (✓ matched, · not matched):
	  1 · (empty; clients ignore it)`,
		},
		"a name without a value": {
			act:  func(h *wstest.Harness, c *wstest.Client) { c.SendText(h.Expand("${n}")) },
			want: `wstest: Expand: no frame has given ${n} a value yet; no name has one`,
		},
		"none": {
			frames: []string{"", "hello"},
			act:    func(_ *wstest.Harness, c *wstest.Client) { c.ExpectNone() },
			want: `wstest: CLIENT expected nothing more
	2 frames received, in this order (✓ matched, · not matched):
	  1 · (empty; clients ignore it)
	  2 · hello`,
		},
		"none, closed": {
			act: func(h *wstest.Harness, c *wstest.Client) {
				h.Advance(10 * time.Minute)
				c.ExpectNone()
			},
			want: `wstest: CLIENT expected nothing more
	no frames were received
	then the gateway closed the connection: 1001 "Going away"`,
		},
		"closed with another code": {
			act: func(_ *wstest.Harness, c *wstest.Client) {
				c.SendBinary(nil)
				c.ExpectClosed(1009)
			},
			want: `wstest: CLIENT expected the gateway to close the connection with 1009
	no frames were received
	then the gateway closed the connection: 1003 ""`,
		},
		"closed by itself": {
			act: func(_ *wstest.Harness, c *wstest.Client) {
				c.Close(0, "")
				c.ExpectClosed(1005)
			},
			want: `wstest: CLIENT expected the gateway to close the connection with 1005
	no frames were received
	then the client ended the connection`,
		},
		"sending on a closed connection": {
			act: func(_ *wstest.Harness, c *wstest.Client) {
				c.Abort()
				c.Send("ack", nil)
			},
			want: `wstest: CLIENT can't send: emulator: closed
	no frames were received
	then the client ended the connection`,
		},
		"sending something other than an object": {
			act:  func(_ *wstest.Harness, c *wstest.Client) { c.Request("ack", []int{1}) },
			want: `wstest: CLIENT can't send "ack": []int does not encode to a JSON object: [1]`,
		},
		"sending a second id": {
			act:  func(_ *wstest.Harness, c *wstest.Client) { c.Request("ack", struct{ ID int }{5}) },
			want: `wstest: CLIENT can't send "ack": its member "ID" would replace the request's "id"`,
		},
		"error for a reply": {
			act: func(_ *wstest.Harness, c *wstest.Client) { c.Request("limit", nil).ExpectReply(nil) },
			want: `wstest: CLIENT expected a reply to "limit" with id "1", not an error
	1 frame received, in this order (✓ matched, · not matched):
	  1 ✓ {"id":"1","action":"limit","error":{"code":"rate_limited","message":"slow down","retryAfterMs":120,"details":{"limit":5}}}`,
		},
		"reply for an ack": {
			act: func(_ *wstest.Harness, c *wstest.Client) { c.Request("number", nil).ExpectAck() },
			want: `wstest: CLIENT expected an acknowledgement of "number" with id "1", not a reply with data or an error
	1 frame received, in this order (✓ matched, · not matched):
	  1 ✓ {"id":"1","action":"number","data":7}`,
		},
		"ack for a reply": {
			act: func(_ *wstest.Harness, c *wstest.Client) { c.Request("ack", nil).ExpectReply(&number) },
			want: `wstest: CLIENT received a reply to "ack" with id "1", but its data is null, which does not fit into *int
	1 frame received, in this order (✓ matched, · not matched):
	  1 ✓ {"id":"1","action":"ack","data":null}`,
		},
		"reply for an error": {
			act: func(_ *wstest.Harness, c *wstest.Client) {
				c.Request("ack", nil).ExpectError(gatesock.CodeNotFound)
			},
			want: `wstest: CLIENT expected an error with code "not_found" for "ack" with id "1"
	1 frame received, in this order (✓ matched, · not matched):
	  1 ✓ {"id":"1","action":"ack","data":null}`,
		},
		"another error": {
			act: func(_ *wstest.Harness, c *wstest.Client) {
				c.Request("limit", nil).ExpectError(gatesock.CodeNotFound)
			},
			want: `wstest: CLIENT expected an error with code "not_found" for "limit" with id "1"
	1 frame received, in this order (✓ matched, · not matched):
	  1 ✓ {"id":"1","action":"limit","error":{"code":"rate_limited","message":"slow down","retryAfterMs":120,"details":{"limit":5}}}`,
		},
		"no answer": {
			act: func(_ *wstest.Harness, c *wstest.Client) {
				ref := c.Request("ack", nil)
				ref.ExpectAck()
				ref.ExpectAck()
			},
			want: `wstest: CLIENT expected an acknowledgement to "ack" with id "1"
	1 frame received, in this order (✓ matched, · not matched):
	  1 ✓ {"id":"1","action":"ack","data":null}`,
		},
		"refused": {
			act: func(h *wstest.Harness, _ *wstest.Client) {
				h.ConnectRefused(wstest.WithUser("bob"))
			},
			want: `wstest: expected the connection to be refused, but it opened as bob (`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var client string
			failures := runFake(t, func(ft *fakeTB) {
				h := wstest.New(ft, script())
				cl := h.Connect(wstest.WithUser("alice"))
				client = cl.String()
				for _, frame := range c.frames {
					require.NoError(t, h.Poster().Post(t.Context(), gatesock.Target{ConnectionID: cl.ID()}, []byte(frame)))
				}
				c.act(h, cl)
			})
			require.Len(t, failures, 1)
			want := strings.ReplaceAll(c.want, "CLIENT", client)
			if before, open := strings.CutSuffix(want, "("); open {
				require.Contains(t, failures[0], before)
				return
			}
			require.Equal(t, want, failures[0])
		})
	}
}

func TestExpectTakesTheFirstAndLeavesTheRest(t *testing.T) {
	t.Parallel()
	h := wstest.New(t, script())
	c := h.Connect()
	post := func(text string) {
		require.NoError(t, h.Poster().Post(t.Context(), gatesock.Target{ConnectionID: c.ID()}, []byte(text)))
	}
	post(`{"event":"a","data":1}`)
	post(`{"event":"b","data":2}`)
	post(`{"event":"a","data":3}`)
	post(`not of the protocol`)
	var n int
	c.ExpectPush("b", &n)
	require.Equal(t, 2, n)
	c.ExpectPush("a", &n)
	require.Equal(t, 1, n)
	c.ExpectPush("a", &n)
	require.Equal(t, 3, n)
	require.Equal(t, "not of the protocol", c.ExpectFrame("not…protocol").Text)

	c.Send("ack", struct{ Action, Text string }{"", "x"}) // answered by an empty frame
	c.ExpectNone()
	frames := c.Frames()
	require.Len(t, frames, 5)
	require.Equal(t, wstest.Frame{Text: "", Time: h.Now()}, frames[4])
	require.True(t, frames[0].Matched)
}

func TestAnswers(t *testing.T) {
	t.Parallel()
	c := wstest.New(t, script()).Connect()
	number, null, limit := c.Request("number", nil), c.Request("null", nil), c.Request("limit", nil)

	e := limit.ExpectError(gatesock.CodeRateLimited)
	require.Equal(t, "slow down", e.Message)
	require.Equal(t, 120*time.Millisecond, e.RetryAfter)
	require.JSONEq(t, `{"limit":5}`, string(e.Details))

	list := []int{1}
	null.ExpectReply(&list)
	require.Nil(t, list)
	var n int
	number.ExpectReply(&n)
	require.Equal(t, 7, n)
	c.ExpectNone()
}
