package clientcore

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// callRun is a client with calls beside a model of a server that answers them or not, and of a
// network that loses frames and answers.
type callRun struct {
	t *rapid.T
	*Client
	now     time.Time
	dialed  []int // connections that are not open
	open    map[int]bool
	flights []callFlight // requests on their way to the server
	calls   map[int64]*modelCall
	lanes   map[string]int64 // the last call of a lane that was sent
	ids     map[string]bool
}

type modelCall struct {
	Call
	settled bool
	code    string
	sends   int
	limited int // how many of the sendings were answered with rate_limited
	done    int // how often it was carried out
}

type callFlight struct {
	conn   int
	number int64
	id     string
}

func (r *callRun) take() {
	for a, ok := r.Next(); ok; a, ok = r.Next() {
		switch a.Kind {
		case Dial:
			r.dialed = append(r.dialed, a.Conn)
		case Send:
			r.sent(a)
		case Close:
			r.cut(a.Conn)
		case Settled:
			r.settle(a)
		case Changed, Problem, Pushed:
		default:
			r.t.Fatalf("unexpected: %s", brief(a))
		}
	}
}

func (r *callRun) sent(a Action) {
	if !r.open[a.Conn] {
		r.t.Fatalf("%s is sent on connection %d, which is not open", a.Frame, a.Conn)
	}
	var m struct {
		Action, ID string
		N          int64
	}
	if err := json.Unmarshal(a.Frame, &m); err != nil {
		r.t.Fatalf("%s: %v", a.Frame, err)
	}
	if m.Action == "keepalive" {
		r.flights = append(r.flights, callFlight{conn: a.Conn})
		return
	}
	k := r.calls[m.N]
	switch {
	case r.ids[m.ID]:
		r.t.Fatalf("the id %s is used again", m.ID)
	case k.settled:
		r.t.Fatalf("call %d is sent, and was settled with %q", m.N, k.code)
	case !k.Idempotent && k.sends > k.limited:
		r.t.Fatalf("call %d is sent twice", m.N)
	case k.Lane != "" && r.lanes[k.Lane] > m.N:
		r.t.Fatalf("call %d of lane %s is sent after call %d", m.N, k.Lane, r.lanes[k.Lane])
	}
	if before := r.lanes[k.Lane]; k.Lane != "" && before != 0 && before != m.N && !r.calls[before].settled {
		r.t.Fatalf("call %d of lane %s is sent, and call %d is not settled", m.N, k.Lane, before)
	}
	r.lanes[k.Lane] = m.N
	r.ids[m.ID] = true
	k.sends++
	r.flights = append(r.flights, callFlight{conn: a.Conn, number: m.N, id: m.ID})
}

func (r *callRun) settle(a Action) {
	k := r.calls[a.Request]
	switch {
	case k == nil || k.settled:
		r.t.Fatalf("call %d is settled twice, or was never made", a.Request)
	case (a.Code == "expired" || a.Code == "closed") && k.sends > k.limited:
		r.t.Fatalf("call %d is settled with %s, and may have been carried out", a.Request, a.Code)
	case a.Code == "unknown_outcome" && k.sends == 0:
		r.t.Fatalf("call %d is settled with %s, and was not sent", a.Request, a.Code)
	case a.Code == "" && k.done == 0:
		r.t.Fatalf("call %d has succeeded, and was not carried out", a.Request)
	}
	k.settled, k.code = true, a.Code
}

func (r *callRun) cut(conn int) {
	delete(r.open, conn)
	r.dialed = slices.DeleteFunc(r.dialed, func(n int) bool { return n == conn })
	r.flights = slices.DeleteFunc(r.flights, func(f callFlight) bool { return f.conn == conn })
}

// answer lets the server answer a request.
func (r *callRun) answer(i int, how string) {
	f := r.flights[i]
	r.flights = slices.Delete(r.flights, i, i+1)
	k := r.calls[f.number]
	frame := `{"action":"keepalive","data":null}`
	if f.id != "" {
		switch how {
		case "lost": // the request
			return
		case "rate_limited":
			k.limited++
			frame = fmt.Sprintf(`{"id":%q,"error":{"code":"rate_limited","retryAfterMs":700}}`, f.id)
		case "gateway":
			frame = `{"message":"Internal server error","connectionId":"c","requestId":"r"}`
		case "no answer":
			k.done++
			return
		case "done":
			k.done++
			frame = fmt.Sprintf(`{"id":%q,"data":1}`, f.id)
		default:
			frame = fmt.Sprintf(`{"id":%q,"error":{"code":%q}}`, f.id, how)
		}
	}
	r.Received(r.now, f.conn, []byte(frame))
	r.take()
}

func (r *callRun) pass(d time.Duration) {
	for end := r.now.Add(d); ; {
		due, ok := r.Deadline()
		if !ok || due.After(end) {
			r.now = end
			return
		}
		if due.After(r.now) {
			r.now = due
		}
		r.Tick(r.now)
		r.take()
	}
}

// TestCallModel checks that each call is settled once and with a code that is true, that lanes keep
// their order, that nothing is sent twice that must not be, and that nothing is left in the end.
func TestCallModel(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		r := &callRun{
			t: t, now: time.Unix(1e9, 0), open: map[int]bool{}, calls: map[int64]*modelCall{}, lanes: map[string]int64{},
			ids:    map[string]bool{},
			Client: New(Config{Random: rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1)), MaxCalls: 8}),
		}
		r.Start(r.now)
		r.take()
		pick := func(t *rapid.T, n int) int { return rapid.IntRange(0, n-1).Draw(t, "which") }
		t.Repeat(map[string]func(*rapid.T){
			"call": func(t *rapid.T) {
				n := r.lastCall + 1
				k := Call{
					Action: rapid.SampledFrom([]string{"say", "get"}).Draw(t, "action"), Input: fmt.Appendf(nil, `{"n":%d}`, n),
					Idempotent: rapid.Bool().Draw(t, "idempotent"), Lane: rapid.SampledFrom([]string{"", "a", "b"}).Draw(t, "lane"),
					Timeout: time.Duration(rapid.IntRange(1, 40).Draw(t, "timeout")) * time.Second,
					Expires: time.Duration(rapid.IntRange(1, 300).Draw(t, "expires")) * time.Second,
				}
				r.calls[n] = &modelCall{Call: k}
				r.Call(r.now, k)
				r.take()
			},
			"open": func(t *rapid.T) {
				if len(r.dialed) > 0 {
					conn := r.dialed[0]
					r.dialed = r.dialed[1:]
					r.open[conn] = true
					r.Connected(r.now, conn)
					r.take()
				}
			},
			"cut": func(t *rapid.T) {
				for conn := range r.open {
					r.cut(conn)
					r.Closed(r.now, conn, 1006, "")
				}
				r.take()
			},
			"answer": func(t *rapid.T) {
				if len(r.flights) > 0 {
					r.answer(pick(t, len(r.flights)), rapid.SampledFrom([]string{
						"done", "done", "done", "lost", "no answer", "gateway", "rate_limited", "rate_limited", "unavailable",
						"internal", "stale_connection", "not_found",
					}).Draw(t, "how"))
				}
			},
			"cancel": func(t *rapid.T) {
				if r.lastCall > 0 {
					r.Cancel(r.now, 1+int64(pick(t, int(r.lastCall))))
					r.take()
				}
			},
			"pass":  func(t *rapid.T) { r.pass(time.Duration(pick(t, 100)) * 100 * time.Millisecond) },
			"sleep": func(*rapid.T) { r.now = r.now.Add(2 * time.Minute); r.Tick(r.now); r.take() },
			"retry": func(*rapid.T) { r.Retry(r.now); r.take() },
			"":      func(t *rapid.T) { r.check(t) },
		})
		r.end(t)
	})
}

func (r *callRun) check(t *rapid.T) {
	if len(r.Client.calls) > 8 {
		t.Fatalf("%d calls wait", len(r.Client.calls))
	}
	if due, ok := r.Deadline(); !ok || due.Before(r.now.Add(-10*time.Minute)) {
		t.Fatalf("the deadline is %v, %t", due, ok)
	}
}

// end ends the faults or the client, and checks that nothing is left.
func (r *callRun) end(t *rapid.T) {
	if rapid.Bool().Draw(t, "stop") {
		r.Stop(r.now)
		r.take()
	}
	for end := r.now.Add(15 * time.Minute); r.now.Before(end); {
		for len(r.dialed) > 0 {
			conn := r.dialed[0]
			r.dialed = r.dialed[1:]
			r.open[conn] = true
			r.Connected(r.now, conn)
			r.take()
		}
		for len(r.flights) > 0 {
			r.answer(0, "done")
		}
		r.pass(100 * time.Millisecond)
	}
	for n, k := range r.calls {
		if !k.settled {
			t.Fatalf("call %d is not settled: %+v\n%s", n, k, r.Client)
		}
	}
	if r.Calls() > 0 || len(r.pauses) > 1 {
		t.Fatalf("%d calls are left, and the pauses %v", r.Calls(), r.pauses)
	}
	if _, ok := r.Deadline(); ok && !r.started {
		t.Fatalf("a deadline is left")
	}
}
