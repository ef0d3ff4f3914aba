package clienttest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/emulator"
)

// stage is where a scenario is played: a client, the emulator's gateway, and a server that does
// what the scenario says. It lives in a bubble of testing/synctest.
type stage struct {
	t       *testing.T
	client  agent
	live    bool // it has a clock of its own
	gateway *emulator.Gateway
	arrived chan struct{}

	verdict string // what $connect answers: "", "hang", or a status
	failing string // what the function does with the next message: "", "crash" or "timeout"
	open    int    // connections that were opened
	ignored string // an action whose requests are lost
	auto    bool   // keep-alives and syncs are answered without a step

	mu    sync.Mutex
	links []*link // in the order in which they were dialed
	inbox []*request

	last   *request
	named  map[string]*request
	told   map[string][]string // by what they are about
	status map[string]string
}

// link is a connection of the client.
type link struct {
	s       *stage
	number  int // the client's
	opening int // how many were opened before, and it; 0 if it was not opened
	dial    action
	session *emulator.Session
	state   linkState
	code    int // with which the client has closed it
	in      []incoming
	pieces  map[string][]string // of messages in fragments, by their ids
}

type linkState int

const (
	dialing linkState = iota
	hanging           // the handshake is not answered
	open
	over
)

// incoming is what a link brings to the client: a frame, or the end.
type incoming struct {
	frame  []byte
	ended  bool
	code   int
	reason string
}

// request is a message of the client that the server has got.
type request struct {
	link   *link
	raw    []byte
	fields map[string]any
}

// The routes of the API. An action that is not among them is Forbidden, since there is no $default.
func routes() []gatesock.Route {
	list := []gatesock.Route{{Key: gatesock.RouteConnect}, {Key: gatesock.RouteDisconnect}}
	for _, key := range []string{
		"subscribe", "unsubscribe", "history", "sync", "presence", "keepalive", "beat", "say", "pay", "set", "report", "malformed", "fragment",
	} {
		list = append(list, gatesock.Route{Key: key})
	}
	return list
}

var errMalformed = errors.New("clienttest: the model refuses it")

func newStage(t *testing.T, a agent) *stage {
	t.Helper()
	s := &stage{
		t: t, client: a, arrived: make(chan struct{}, 1), named: map[string]*request{},
		told: map[string][]string{}, status: map[string]string{},
	}
	gw, err := emulator.New(lambda.Handler(s), emulator.Config{
		Routes: routes(), Logger: slog.New(slog.DiscardHandler),
		Models: map[string]func([]byte) error{"malformed": func([]byte) error { return errMalformed }},
	})
	require.NoError(t, err)
	s.gateway = gw
	if l, ok := a.(live); ok {
		s.live = true
		l.nudges(func() { nudge(s.arrived) })
	}
	return s
}

// end ends what is in the bubble.
func (s *stage) end() {
	if l, ok := s.client.(live); ok {
		l.end()
	}
	require.NoError(s.t, s.gateway.Shutdown(context.Background()))
}

// Invoke is the function.
func (s *stage) Invoke(ctx context.Context, event []byte) ([]byte, error) {
	var in struct {
		Body           string
		RequestContext struct{ EventType, ConnectionID string }
	}
	if err := json.Unmarshal(event, &in); err != nil {
		return nil, err
	}
	switch in.RequestContext.EventType {
	case "CONNECT":
		return s.answerHandshake(ctx)
	case "MESSAGE":
		return s.message(ctx, in.RequestContext.ConnectionID, in.Body)
	default:
		return []byte(`{"statusCode":200}`), nil
	}
}

func (s *stage) answerHandshake(ctx context.Context) ([]byte, error) {
	switch s.verdict {
	case "":
		return []byte(`{"statusCode":200}`), nil
	case "hang":
		<-ctx.Done()
		return nil, ctx.Err()
	default:
		return []byte(`{"statusCode":` + s.verdict + `}`), nil
	}
}

func (s *stage) message(ctx context.Context, id, body string) ([]byte, error) {
	s.mu.Lock()
	r := &request{raw: []byte(body)}
	for _, l := range s.links {
		if l.session != nil && l.session.ID() == id {
			r.link = l
		}
	}
	_ = json.Unmarshal(r.raw, &r.fields) // what is not an object has no members
	if answer := s.autoAnswer(r); answer != nil {
		s.mu.Unlock()
		_ = s.gateway.Post(ctx, gatesock.Target{ConnectionID: id}, answer)
		return []byte(`{"statusCode":200}`), nil
	}
	if s.ignored == "" || s.ignored != r.fields["action"] {
		s.inbox = append(s.inbox, r)
		if whole := s.joins(r); whole != nil {
			s.inbox = append(s.inbox, whole)
		}
	}
	failing := s.failing
	s.failing = ""
	s.mu.Unlock()
	switch failing {
	case "crash":
		return nil, errors.New("clienttest: the function has failed")
	case "timeout":
		<-ctx.Done()
		return nil, ctx.Err()
	default:
		return []byte(`{"statusCode":200}`), nil
	}
}

// autoAnswer returns the answer to a request that the scenario does not care for, or nil.
func (s *stage) autoAnswer(r *request) []byte {
	switch action := r.fields["action"]; {
	case !s.auto:
		return nil
	case action == "sync":
		return fmt.Appendf(nil, `{"id":%s,"action":"sync","data":{"moved":[],"lost":[],"extra":[],"presence":[]}}`, quoted(r.fields["id"]))
	case action == "keepalive":
		return []byte(`{"action":"keepalive","data":null}`)
	default:
		return nil
	}
}

// joins notes a fragment, and returns the message if all of its fragments are there, or nil.
func (s *stage) joins(r *request) *request {
	if r.fields["action"] != "fragment" {
		return nil
	}
	var f struct {
		ID           string
		Index, Count int
		Piece        string
	}
	if json.Unmarshal(r.raw, &f) != nil || f.Index < 0 || f.Index >= f.Count || f.Count > 128 {
		return nil // the step that expects it fails
	}
	if r.link.pieces == nil {
		r.link.pieces = map[string][]string{}
	}
	pieces := r.link.pieces[f.ID]
	if pieces == nil {
		pieces = make([]string, f.Count)
		r.link.pieces[f.ID] = pieces
	}
	if f.Count != len(pieces) {
		return nil
	}
	pieces[f.Index] = f.Piece
	if slices.Contains(pieces, "") {
		return nil
	}
	whole := &request{link: r.link, raw: []byte(strings.Join(pieces, ""))}
	_ = json.Unmarshal(whole.raw, &whole.fields)
	return whole
}

// Send and Close are called by the gateway.
func (l *link) Send(data []byte) error {
	l.bring(incoming{frame: slices.Clone(data)})
	return nil
}

func (l *link) Close(code int, reason string) {
	l.bring(incoming{ended: true, code: code, reason: reason})
}

func (l *link) bring(in incoming) {
	l.s.mu.Lock()
	defer l.s.mu.Unlock()
	l.in = append(l.in, in)
	nudge(l.s.arrived)
}

func (l *link) take() (in incoming, ok bool) {
	l.s.mu.Lock()
	defer l.s.mu.Unlock()
	if len(l.in) == 0 {
		return in, false
	}
	in = l.in[0]
	l.in = l.in[1:]
	return in, true
}

// run lets the client and the gateway do what they have to do now.
func (s *stage) run() {
	s.t.Helper()
	for turns := 0; ; turns++ {
		require.Less(s.t, turns, 10_000, "it goes on for ever")
		synctest.Wait()
		if a, ok := s.client.next(); ok {
			s.act(a)
			continue
		}
		if !s.deliver() {
			return
		}
	}
}

// deliver passes what the gateway has sent to the client. It reports whether there was something.
func (s *stage) deliver() bool {
	for _, l := range s.links {
		in, ok := l.take()
		switch {
		case !ok:
			continue
		case l.state == over:
		case in.ended:
			l.state = over
			s.client.closed(time.Now(), l.number, in.code, in.reason)
		default:
			s.client.received(time.Now(), l.number, in.frame)
		}
		return true
	}
	return false
}

// act does what the client wants.
func (s *stage) act(a action) {
	s.t.Helper()
	switch a.Do {
	case "dial":
		s.mu.Lock()
		s.links = append(s.links, &link{s: s, number: a.Conn, dial: a})
		s.mu.Unlock()
	case "send":
		l := s.linkOf(a.Conn)
		require.True(s.t, l != nil && l.state == open, "a frame for connection %d, which is not open: %s", a.Conn, a.Frame)
		go func() { _ = l.session.Receive(context.Background(), emulator.Message{Data: []byte(a.Frame)}) }()
	case "close":
		if l := s.linkOf(a.Conn); l != nil && l.state != over {
			l.state, l.code = over, a.Code
			if l.session != nil {
				go l.session.Close(context.Background(), a.Code, a.Reason)
			}
		}
	case "told":
		about, rest, _ := strings.Cut(a.Text, " ")
		switch about {
		case "state", "problem", "call":
			s.told[about] = append(s.told[about], rest)
		default:
			s.told["told"] = append(s.told["told"], a.Text)
		}
	case "status":
		words := strings.SplitN(a.Text, " ", 3)
		require.GreaterOrEqual(s.t, len(words), 2, a.Text)
		s.status[words[0]+" "+words[1]] = strings.Join(words[2:], " ")
	default:
		require.Fail(s.t, "an unknown action", "%+v", a)
	}
}

func (s *stage) linkOf(number int) *link {
	for _, l := range s.links {
		if l.number == number {
			return l
		}
	}
	return nil
}

// until passes time, step by step, until the condition holds or so much has passed. It reports
// whether the condition holds.
func (s *stage) until(longest time.Duration, holds func() bool) bool {
	s.t.Helper()
	end := time.Now().Add(longest)
	for turns := 0; ; turns++ {
		require.Less(s.t, turns, 10_000, "the client has always something to do")
		s.run()
		if holds() {
			return true
		}
		now := time.Now()
		due, ok := s.client.deadline()
		if ok && !due.After(now) {
			s.client.tick(now)
			continue
		}
		if !now.Before(end) {
			return false
		}
		next := end
		if ok && due.Before(end) {
			next = due
		}
		s.sleep(next)
	}
}

// sleep waits until then, or until the gateway sends something.
func (s *stage) sleep(then time.Time) {
	timer := time.NewTimer(time.Until(then))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-s.arrived:
	}
}

func (s *stage) pass(d time.Duration) {
	s.t.Helper()
	s.until(d, func() bool { return false })
}

// dialed returns the connection that the client opens, or will open.
func (s *stage) dialed() *link {
	s.t.Helper()
	var found *link
	s.until(15*time.Minute, func() bool {
		for _, l := range s.links {
			if l.state == dialing {
				found = l
			}
		}
		return found != nil
	})
	require.NotNil(s.t, found, "the client does not connect")
	return found
}

// connect answers a handshake.
func (s *stage) connect(l *link, verdict string) {
	s.t.Helper()
	s.verdict = verdict
	u, err := url.Parse(l.dial.URL)
	require.NoError(s.t, err)
	h := emulator.Handshake{Query: u.Query()}
	if len(l.dial.Protocols) > 0 {
		h.Header = http.Header{"Sec-WebSocket-Protocol": {strings.Join(l.dial.Protocols, ", ")}}
	}
	if verdict == "hang" {
		l.state = hanging
		return
	}
	session, err := s.gateway.Connect(context.Background(), h, l)
	var refused *emulator.HandshakeError
	switch {
	case errors.As(err, &refused):
		l.state = over
		s.client.refused(time.Now(), l.number, refused.StatusCode)
	default:
		require.NoError(s.t, err)
		s.open++
		s.mu.Lock()
		l.session, l.state, l.opening = session, open, s.open
		s.mu.Unlock()
		s.client.opened(time.Now(), l.number)
	}
	s.run()
}

// current returns the connection that was opened last, or the one with the number.
func (s *stage) connection(opening int) *link {
	s.t.Helper()
	var found *link
	for _, l := range s.links {
		if opening == 0 && l.state == open || opening != 0 && l.opening == opening {
			found = l
		}
	}
	require.NotNil(s.t, found, "connection %d is not open", opening)
	return found
}

// post sends a frame of the server.
func (s *stage) post(l *link, frame []byte) {
	s.t.Helper()
	require.NoError(s.t, s.gateway.Post(context.Background(), gatesock.Target{ConnectionID: l.session.ID()}, frame))
	s.run()
}

// cut ends a connection as if the network were lost, which the client knows.
func (s *stage) cut(l *link, code int, reason string) {
	l.state = over
	l.session.Abort(context.Background())
	s.client.closed(time.Now(), l.number, code, reason)
	s.run()
}

// takes takes the oldest request on a connection, or on any.
func (s *stage) takes(opening int) *request {
	s.t.Helper()
	s.run()
	s.mu.Lock()
	defer s.mu.Unlock()
	i := slices.IndexFunc(s.inbox, func(r *request) bool { return opening == 0 || r.link.opening == opening })
	require.GreaterOrEqual(s.t, i, 0, "nothing was sent%s", s.describe())
	r := s.inbox[i]
	s.inbox = slices.Delete(s.inbox, i, i+1)
	return r
}

// describe returns what the client has sent and told that the scenario has not asked for.
func (s *stage) describe() string {
	var b strings.Builder
	for _, r := range s.inbox {
		fmt.Fprintf(&b, "\n  sent on %d: %.300s", r.link.opening, r.raw)
	}
	for about, list := range s.told {
		for _, text := range list {
			fmt.Fprintf(&b, "\n  %s: %s", about, text)
		}
	}
	return b.String()
}
