package clienttest

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/client"
	"github.com/gatesock/gatesock/internal/clientcore"
)

// goClient is package client as its users have it: with its loop, its goroutines and its WebSocket
// library, on connections in memory. It is the network, too.
type goClient struct {
	c       *client.Client
	nudge   func()
	begun   chan struct{} // closed when the agent listens
	options options
	machine func(func(time.Time, *clientcore.Client))

	mu         sync.Mutex
	lines      []*line
	did        []action         // on connections
	said       map[string][]say // by what they are about
	credential string
	closing    bool // Close was called
	over       bool // and has returned

	// The rest belongs to the harness.
	queue  []action
	topics map[string]*handles
	known  int // topics, so far
	cancel map[int]context.CancelFunc
}

// say is a text for the user.
type say struct {
	about string // "told" or "status"
	text  string
	order int
}

// handles are what a user has of a topic.
type handles struct {
	number   int
	events   *client.Subscription
	values   *client.Values
	presence *client.Presence
}

var (
	_ live             = (*goClient)(nil)
	_ clientcore.Tuner = (*goClient)(nil)
)

func newGoClient(*testing.T) agent { return &goClient{} }

func (g *goClient) nudges(f func()) { g.nudge = f }

// Tune makes the client as the harness wants it.
func (g *goClient) Tune(cfg *clientcore.Config, do func(func(time.Time, *clientcore.Client))) {
	var source rand.Source = rand.NewPCG(g.options.Seed, 34)
	if g.options.Random != nil {
		source = constantOf(*g.options.Random)
	}
	cfg.Random = rand.New(source)
	cfg.MaxWaiting, cfg.MaxMessage = g.options.MaxWaiting, gatesock.MaxFrameSize
	g.machine = do
}

func (g *goClient) begin(_ time.Time, o options) {
	*g = goClient{
		nudge: g.nudge, begun: make(chan struct{}), options: o, credential: o.Token + o.Ticket, said: map[string][]say{},
		topics: map[string]*handles{}, cancel: map[int]context.CancelFunc{},
	}
	opts := []client.Option{
		client.WithHTTPClient(&http.Client{Transport: g}), client.WithLogger(slog.New(slog.DiscardHandler)),
		client.WithIdempotentActions(o.Idempotent...),
	}
	if len(o.Protocols) > 0 {
		opts = append(opts, client.WithProtocols(o.Protocols...))
	}
	if o.Token != "" {
		opts = append(opts, client.WithToken(g.fetch))
	}
	if o.Ticket != "" {
		opts = append(opts, client.WithTicket(g.fetch))
	}
	if o.KeepAlive > 0 {
		opts = append(opts, client.WithKeepAlive(ms(o.KeepAlive)))
	}
	if o.KeepAliveAction != "" {
		opts = append(opts, client.WithKeepAliveAction(o.KeepAliveAction))
	}
	if o.MaxQueue > 0 {
		opts = append(opts, client.WithMaxQueue(o.MaxQueue))
	}
	c, err := client.New("wss://host/stage", opts...)
	if err != nil {
		panic(err)
	}
	g.c = c
	go g.watch()
	go func() {
		for p := range c.Problems(context.Background()) {
			g.tell("problem", 0, "problem %s", p.Code)
		}
	}()
	pushes := c.Listen()
	go func() {
		for p, err := range pushes.Pushes(context.Background()) {
			if err != nil {
				return // the client is closed
			}
			g.tell("push", 0, "push %s%s", p.Name, spaced(p.Data))
		}
	}()
	synctest.Wait()
	close(g.begun)
	synctest.Wait()
}

// watch passes on the states of the connection.
func (g *goClient) watch() {
	for s := range g.c.States(context.Background()) {
		if s.RetryAt.IsZero() {
			g.tell("state", 0, "state %s", s.Status)
			continue
		}
		g.tell("state", 0, "state %s %s", s.Status, time.Until(s.RetryAt).Round(time.Millisecond))
	}
}

func (g *goClient) fetch(ctx context.Context) (string, error) {
	<-g.begun
	g.mu.Lock()
	credential := g.credential
	g.mu.Unlock()
	switch credential {
	case "throws":
		return "", errors.New("clienttest: there are none")
	case "hangs":
		<-ctx.Done()
		return "", ctx.Err()
	default:
		return credential, nil
	}
}

// tell says the user something. What is about the same has the same order.
func (g *goClient) tell(about string, order int, format string, args ...any) {
	g.say(about, say{"told", fmt.Sprintf(format, args...), order})
}

func (g *goClient) say(about string, s say) {
	g.mu.Lock()
	g.said[about] = append(g.said[about], s)
	g.mu.Unlock()
	g.nudge()
}

func (g *goClient) acts(a action) {
	g.mu.Lock()
	g.did = append(g.did, a)
	g.mu.Unlock()
	g.nudge()
}

func (g *goClient) do(_ time.Time, c command) {
	switch c.Do {
	case "subscribe":
		g.subscribe(c)
	case "unsubscribe":
		g.unsubscribe(c.Topic)
	case "history":
		g.history(c)
	case "call":
		g.call(c)
	case "abort":
		g.cancel[c.N]()
	case "send":
		g.tell("send", 0, "sent %d %t", c.N, g.c.Send(c.Action, raw(c.Input)) == nil)
	case "retry":
		g.c.Retry()
	case "token":
		g.mu.Lock()
		g.credential = c.Token
		g.mu.Unlock()
	case "wake", "online", "offline", "visible":
		g.signal(c.Do)
	case "close":
		g.mu.Lock()
		g.closing = true
		g.mu.Unlock()
		go func() {
			_ = g.c.Close() // it returns nil
			g.mu.Lock()
			g.over = true
			g.mu.Unlock()
		}()
	default:
		g.tell("report", 0, "report unknown command %s", c.Do)
	}
	synctest.Wait()
}

// signal says the machine what Go's client does not learn from its environment.
func (g *goClient) signal(what string) {
	g.machine(func(now time.Time, c *clientcore.Client) {
		switch what {
		case "wake":
			c.Wake(now)
		case "online":
			c.Online(now)
		case "offline":
			c.Offline(now)
		default:
			c.Visible(now)
		}
	})
}

// raw returns an input, which may be none.
func raw(input json.RawMessage) any {
	if input == nil {
		return nil
	}
	return input
}

func (g *goClient) call(c command) {
	var opts []client.CallOption
	switch key := c.Key.(type) {
	case bool:
		opts = append(opts, client.WithRandomKey())
	case string:
		opts = append(opts, client.WithKey(key))
	}
	if c.Idempotent {
		opts = append(opts, client.Idempotent())
	}
	if c.Lane != "" {
		opts = append(opts, client.WithLane(c.Lane))
	}
	if c.Result {
		opts = append(opts, client.AwaitResult())
	}
	if c.Timeout > 0 {
		opts = append(opts, client.WithTimeout(ms(c.Timeout)))
	}
	if c.Expires > 0 {
		opts = append(opts, client.WithExpiry(ms(c.Expires)))
	}
	ctx, cancel := context.WithCancel(context.Background())
	g.cancel[c.N] = cancel
	go func() {
		defer cancel()
		out, err := client.Call[json.RawMessage](ctx, g.c, c.Action, raw(c.Input), opts...)
		data := spaced(out)
		switch {
		case err != nil:
			g.tell("call", c.N, "call %d error %s", c.N, codeOf(err))
		case data == "":
			g.tell("call", c.N, "call %d ok null", c.N)
		default:
			g.tell("call", c.N, "call %d ok%s", c.N, data)
		}
	}()
}

// codeOf returns the code of an error, and how long to wait after it.
func codeOf(err error) string {
	var e *gatesock.Error
	switch {
	case errors.Is(err, context.Canceled):
		return "aborted"
	case errors.Is(err, client.ErrClosed):
		return "closed"
	case errors.Is(err, client.ErrExpired):
		return "expired"
	case errors.Is(err, client.ErrUnknownOutcome):
		return "unknown_outcome"
	case errors.Is(err, client.ErrQueueFull):
		return "queue_full"
	case !errors.As(err, &e):
		return "? " + err.Error()
	case e.RetryAfter > 0:
		return fmt.Sprintf("%s %d", e.Code, e.RetryAfter.Milliseconds())
	default:
		return string(e.Code)
	}
}

// subscribe subscribes as a user would: who is there, values and events are different things.
func (g *goClient) subscribe(c command) {
	h := g.topics[c.Topic]
	if h != nil {
		g.tell("report", 0, "report %s is subscribed", c.Topic)
		return
	}
	g.known++
	h = &handles{number: g.known}
	g.topics[c.Topic] = h
	if c.State {
		var opts []client.ValuesOption
		if c.Filter != nil {
			opts = append(opts, client.WithFilter(c.Filter))
		}
		h.values = g.c.Values(c.Topic, opts...)
		go g.ready(h)
		go g.values(h)
	}
	if c.Presence {
		var opts []client.PresenceOption
		if c.As != nil {
			opts = append(opts, client.WithAs(c.As))
		}
		h.presence = g.c.Presence(c.Topic, opts...)
		go g.members(h)
	}
	if c.State {
		return
	}
	var opts []client.SubscribeOption
	if c.Since != nil {
		opts = append(opts, client.WithSince(client.Position(*c.Since)))
	}
	if c.Last > 0 {
		opts = append(opts, client.WithLast(c.Last))
	}
	h.events = g.c.Subscribe(c.Topic, opts...)
	go g.events(h, c.Asks)
}

func (g *goClient) unsubscribe(topic string) {
	h := g.topics[topic]
	delete(g.topics, topic)
	if h == nil {
		return
	}
	if h.presence != nil {
		h.presence.Close()
	}
	if h.values != nil {
		h.values.Close()
	}
	if h.events != nil {
		h.events.Close()
	}
}

// where writes a position.
func where(p client.Position) string { return fmt.Sprintf("%s:%d", p.Epoch, p.Offset) }

// events passes on the events of a topic. An event that is not the last one of those that were
// published together does not move the position; the harness names the one of all.
func (g *goClient) events(h *handles, asks string) {
	ctx, name, last := context.Background(), h.events.Topic(), ""
	if at, err := h.events.Established(ctx); err == nil {
		last = where(at)
		g.tell("topic", h.number, "subscribed %s %s", name, last)
	}
	var held []string
	for e, err := range h.events.Events(ctx) {
		var lost *client.LostError
		switch {
		case errors.As(err, &lost):
			last = where(lost.Position)
			g.tell("topic", h.number, "lost %s %s %s", name, lost.Reason, last)
			continue
		case errors.Is(err, client.ErrClosed):
			return
		case err != nil:
			g.tell("topic", h.number, "failed %s %s", name, codeOf(err))
			return
		}
		at := where(e.Position)
		held = append(held, fmt.Sprintf("event %s %s %%s%s", name, e.Name, strings.ReplaceAll(spaced(e.Data), "%", "%%")))
		if at == last || e.Position.Offset == 0 {
			continue // it is a part, and its position is the one before
		}
		last = at
		for _, text := range held {
			g.tell("topic", h.number, text, at)
		}
		held = nil
		if e.Name == asks {
			if p, ok := h.events.Position(); ok {
				g.tell("topic", h.number, "position %s %s", name, where(p))
			}
		}
	}
}

func (g *goClient) ready(h *handles) {
	if h.values.Ready(context.Background()) == nil {
		g.tell("topic", h.number, "ready %s", h.values.Topic())
	}
}

func (g *goClient) values(h *handles) {
	name := h.values.Topic()
	for _, err := range h.values.Changes(context.Background()) {
		if errors.Is(err, client.ErrClosed) {
			return
		}
		if err != nil {
			g.tell("topic", h.number, "failed %s %s", name, codeOf(err))
			return
		}
		now := map[string]string{}
		for k, v := range h.values.All() {
			now[k] = string(v.Data)
		}
		g.say("status", say{"status", valuesText(name, now), h.number})
	}
}

func (g *goClient) members(h *handles) {
	name := h.presence.Topic()
	for m, err := range h.presence.Changes(context.Background()) {
		if err != nil {
			return // the subscription says so
		}
		text := fmt.Sprintf("count %s %d", name, m.Count)
		if m.List != nil {
			var users []string
			for _, one := range m.List {
				users = append(users, one.User)
			}
			slices.Sort(users)
			text = strings.TrimSpace("members " + name + " " + strings.Join(users, " "))
		}
		g.say("status", say{"status", text, h.number})
	}
}

func (g *goClient) history(c command) {
	h := g.topics[c.Topic]
	if h == nil || h.events == nil || c.Since != nil {
		g.tell("history", c.N, "history %d error unavailable", c.N)
		return
	}
	var before client.Position
	if c.Before != nil {
		before = client.Position(*c.Before)
	}
	go func() {
		page, err := h.events.History(context.Background(), before, cmp.Or(c.Limit, c.Last))
		if err != nil {
			g.tell("history", c.N, "history %d error %s", c.N, codeOf(err))
			return
		}
		text := fmt.Sprintf("history %d ok", c.N)
		for _, e := range page.Events {
			text += " " + e.Name
		}
		g.tell("history", c.N, "%s", text)
	}()
}

// line is a connection: the end of the server.
type line struct {
	g       *goClient
	number  int
	request *http.Request
	verdict chan verdict
	ctx     context.Context //nolint:containedctx // its end is that of the connection
	end     context.CancelFunc
	out     chan func(*websocket.Conn)
	pipe    net.Conn

	// Guarded by the mutex of g.
	ended bool // by the server
	gone  bool // the client has given up before there was an answer
}

type verdict struct {
	response *http.Response
	err      error
}

// RoundTrip is a handshake of the client.
func (g *goClient) RoundTrip(r *http.Request) (*http.Response, error) {
	l := &line{g: g, request: r, verdict: make(chan verdict, 1), out: make(chan func(*websocket.Conn), 1<<12)}
	l.ctx, l.end = context.WithCancel(context.Background())
	where := *r.URL
	where.Scheme = "wss"
	a := action{Do: "dial", URL: where.String()}
	for _, name := range strings.Split(r.Header.Get("Sec-WebSocket-Protocol"), ",") {
		if name != "" {
			a.Protocols = append(a.Protocols, strings.TrimSpace(name))
		}
	}
	g.mu.Lock()
	l.number = len(g.lines) + 1
	a.Conn = l.number
	g.lines = append(g.lines, l)
	g.mu.Unlock()
	g.acts(a)
	select {
	case v := <-l.verdict:
		return v.response, v.err
	case <-r.Context().Done():
		g.mu.Lock()
		l.gone = true
		g.mu.Unlock()
		select {
		case v := <-l.verdict:
			if v.response != nil {
				_ = v.response.Body.Close()
			}
		default:
		}
		g.acts(action{Do: "close", Conn: l.number})
		return nil, r.Context().Err()
	}
}

func (g *goClient) line(conn int) *line {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.lines[conn-1]
}

// upgrade is the response of a handshake that succeeds.
type upgrade struct {
	header http.Header
	conn   net.Conn
}

func (u *upgrade) Header() http.Header         { return u.header }
func (u *upgrade) Write(p []byte) (int, error) { return len(p), nil }
func (u *upgrade) WriteHeader(int)             {}
func (u *upgrade) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	return u.conn, bufio.NewReadWriter(bufio.NewReader(u.conn), bufio.NewWriter(u.conn)), nil
}

func (g *goClient) opened(_ time.Time, conn int) {
	l := g.line(conn)
	g.mu.Lock()
	gone := l.gone
	g.mu.Unlock()
	if gone {
		return
	}
	here, there := net.Pipe()
	u := &upgrade{http.Header{}, there}
	// As the gateway does, it answers with the first protocol that it is offered.
	socket, err := websocket.Accept(u, l.request, &websocket.AcceptOptions{InsecureSkipVerify: true})
	if err != nil {
		panic(fmt.Sprintf("clienttest: the client's handshake: %v", err))
	}
	socket.SetReadLimit(-1)
	l.pipe = there
	go l.read(socket)
	go l.write(socket)
	l.verdict <- verdict{response: &http.Response{
		StatusCode: http.StatusSwitchingProtocols, Header: u.header, Body: here, Request: l.request,
	}}
	synctest.Wait()
}

func (g *goClient) refused(_ time.Time, conn, status int) {
	v := verdict{err: errors.New("clienttest: there is no way")}
	if status > 0 {
		v = verdict{response: &http.Response{
			StatusCode: status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader("")),
		}}
	}
	g.line(conn).verdict <- v
	synctest.Wait()
}

// read passes on what the client sends.
func (l *line) read(socket *websocket.Conn) {
	defer l.end()
	for {
		_, frame, err := socket.Read(context.Background())
		if err == nil {
			l.g.acts(action{Do: "send", Conn: l.number, Frame: string(frame)})
			continue
		}
		_ = socket.CloseNow()
		l.g.mu.Lock()
		ended := l.ended
		l.g.mu.Unlock()
		if !ended {
			l.g.acts(action{Do: "close", Conn: l.number, Code: max(0, int(websocket.CloseStatus(err)))})
		}
		return
	}
}

func (l *line) write(socket *websocket.Conn) {
	for {
		select {
		case f := <-l.out:
			f(socket)
		case <-l.ctx.Done():
			return
		}
	}
}

func (g *goClient) closed(_ time.Time, conn, code int, reason string) {
	l := g.line(conn)
	g.mu.Lock()
	l.ended = true
	g.mu.Unlock()
	if code == 1006 {
		_ = l.pipe.Close()
	} else {
		l.out <- func(socket *websocket.Conn) { _ = socket.Close(websocket.StatusCode(code), reason) }
	}
	synctest.Wait()
}

func (g *goClient) received(_ time.Time, conn int, frame []byte) {
	l := g.line(conn)
	l.out <- func(socket *websocket.Conn) { _ = socket.Write(l.ctx, websocket.MessageText, frame) }
	synctest.Wait()
}

func (g *goClient) tick(time.Time) { synctest.Wait() }

// deadline is now if there is something for next. The client's own deadlines are its own.
func (g *goClient) deadline() (time.Time, bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.queue)+len(g.did)+len(g.said) == 0 {
		return time.Time{}, false
	}
	return time.Now(), true
}

// next returns what was done and said, in an order that does not depend on which goroutine was
// first.
func (g *goClient) next() (a action, ok bool) {
	if len(g.queue) == 0 {
		g.collect()
	}
	if len(g.queue) == 0 {
		return a, false
	}
	a = g.queue[0]
	g.queue = g.queue[1:]
	return a, true
}

func (g *goClient) collect() {
	g.mu.Lock()
	defer g.mu.Unlock()
	slices.SortStableFunc(g.did, func(a, b action) int { return cmp.Compare(a.Conn, b.Conn) })
	g.queue, g.did = g.did, nil
	for _, about := range []string{"state", "problem", "topic", "status", "push", "call", "send", "history", "report"} {
		list := g.said[about]
		slices.SortStableFunc(list, func(a, b say) int { return cmp.Compare(a.order, b.order) })
		for i, s := range list {
			// One confirmation says of a loss.
			if at, is := strings.CutPrefix(s.text, "subscribed "); is && i+1 < len(list) {
				topic, position, _ := strings.Cut(at, " ")
				next := list[i+1].text
				if strings.HasPrefix(next, "lost "+topic+" ") && strings.HasSuffix(next, " "+position) {
					continue
				}
			}
			g.queue = append(g.queue, action{Do: s.about, Text: s.text})
		}
	}
	clear(g.said)
}

func (g *goClient) end() {
	if g.c != nil {
		_ = g.c.Close() // it returns nil
	}
}

func (g *goClient) left() string {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closing && !g.over {
		return "goroutines: Close does not return"
	}
	return ""
}

// TestClient plays the scenarios with package client.
func TestClient(t *testing.T) { playAll(t, "go", newGoClient) }
