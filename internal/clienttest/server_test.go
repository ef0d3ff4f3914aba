package clienttest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/aws/aws-lambda-go/lambda"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/broadcast"
	"github.com/gatesock/gatesock/conn"
	"github.com/gatesock/gatesock/emulator"
	"github.com/gatesock/gatesock/topic"
)

// server is an application with calls and topics.
type server struct {
	w      *world
	topics *topic.Topics
	log    *topic.Memory
	store  conn.Store

	served    int // invocations of calls
	calls     map[int]*served
	keys      map[string]int // by which call a key was used
	events    map[string]map[string][]int
	where     map[int]string
	lastEvent int
	values    map[string]string
}

// served is what the server knows of a call.
type served struct {
	done int // how often it was carried out
}

// What an application has.
const (
	stateTopic   = "prices"
	presentTopic = "room"
)

// steady is a source that always returns the same number: what is drawn must not depend on which of
// two goroutines draws first.
type steady uint64

func (s steady) Uint64() uint64 { return uint64(s) }

func (w *world) newServer() {
	s := &server{
		w: w, calls: map[int]*served{}, keys: map[string]int{}, events: map[string]map[string][]int{},
		where: map[int]string{}, values: map[string]string{},
	}
	w.server = s
	quiet := slog.New(slog.DiscardHandler)
	gw, err := emulator.NewFunc(func(api gatesock.ConnectionsAPI) (lambda.Handler, error) {
		ended := topic.NewEnded()
		s.log = topic.NewMemory()
		s.store = conn.NewMemory(conn.WithEnded(ended.Func()))
		fanout := broadcast.New(api, s.store, broadcast.WithLogger(quiet),
			broadcast.WithRandom(steady(w.seed*0x9E3779B97F4A7C15)))
		s.topics = topic.New(s.log, s.store, fanout, topic.WithLogger(quiet),
			topic.WithState(s.log, func(name string) (topic.State, bool) { return topic.State{}, name == stateTopic }),
			topic.WithPresence(s.log, func(name string) (topic.Presence, bool) {
				return topic.Presence{Interval: 20 * time.Millisecond}, name == presentTopic
			}, ended))
		r := gatesock.New(gatesock.WithLogger(quiet), gatesock.WithKeepAlive("keepalive"))
		r.Use(conn.Track(s.store, conn.WithUser(func(r *gatesock.Request) string { return r.Query.Get("user") })))
		s.topics.Register(r, topic.AllowAnyone)
		for _, action := range []string{"say", "set", "pay", "slow"} {
			gatesock.HandleReply(r, action, s.serve)
		}
		gatesock.Handle(r, "report", func(ctx context.Context, req *gatesock.Request, in callInput) error {
			_, err := s.serve(ctx, req, in)
			if err == nil {
				w.running.Go(func() { s.report(api, req.ConnectionID, req.ID, in.N) }) //nolint:contextcheck // it comes later
			}
			return err
		})
		gatesock.Handle(r, "note", func(context.Context, *gatesock.Request, callInput) error { return nil }, gatesock.OneWay())
		return r, nil
	}, emulator.Config{Logger: quiet, Faults: w.gatewayFaults()})
	if err != nil {
		panic(err)
	}
	w.gateway = gw
}

// gatewayFaults returns what goes wrong at the gateway, besides what the world does to wires.
func (w *world) gatewayFaults() *emulator.Faults {
	var list []emulator.Fault
	switch w.plan.gateway {
	case 1:
		list = append(list, emulator.Fail(errors.New("clienttest: a post has failed")).Chance(0.2))
	case 2:
		list = append(list, emulator.ColdStart(1700*time.Millisecond).Chance(0.2))
	case 3:
		list = append(list, emulator.Hold(900*time.Millisecond).Chance(0.2))
	case 4:
		list = append(list, emulator.LoseDisconnect().Chance(0.5))
	}
	return emulator.NewFaults(w.seed, list...)
}

// callInput is the message of a call.
type callInput struct {
	N   int    `json:"n"`
	Key string `json:"key,omitempty"`
	Pad string `json:"pad,omitempty"`
}

type callOutput struct {
	N    int `json:"n"`
	Done int `json:"done"`
}

// serve carries out a call, or does not.
func (s *server) serve(ctx context.Context, req *gatesock.Request, in callInput) (callOutput, error) {
	w := s.w
	w.mu.Lock()
	s.served++
	apart := time.Duration(s.served)*977 + 311 // what sleeps wakes at a time of its own
	how := 0
	if !w.calm && w.choose.chance(w.plan.weird) {
		how = 1 + w.choose.below(8)
	}
	if in.Key != "" {
		if n, ok := s.keys[in.Key]; ok && n != in.N {
			w.broke("calls %d and %d have the key %q", n, in.N, in.Key)
		}
		s.keys[in.Key] = in.N
	}
	w.mu.Unlock()
	sleep := func(d time.Duration) {
		select {
		case <-time.After(d + apart):
		case <-ctx.Done():
		}
	}
	switch how {
	case 1:
		sleep(3 * time.Second)
	case 2:
		return callOutput{}, gatesock.Errorf(gatesock.CodeRateLimited, "slowly")
	case 3:
		return callOutput{}, gatesock.Errorf(gatesock.CodeRateLimited, "slowly").WithRetryAfter(2500 * time.Millisecond)
	case 4:
		return callOutput{}, gatesock.Errorf(gatesock.CodeUnavailable, "down")
	case 5:
		return callOutput{}, gatesock.Errorf(gatesock.CodeInvalidArgument, "no")
	}
	out := callOutput{N: in.N, Done: s.carryOut(in)}
	switch how {
	case 6:
		return callOutput{}, errors.New("clienttest: it was done, and has failed")
	case 7:
		sleep(12 * time.Second)
	case 8:
		sleep(40 * time.Second) // the gateway has given up by then
	}
	w.note("  %s of %s: %d is done the %d. time", req.Action, req.Query.Get("user"), in.N, out.Done)
	return out, nil
}

// carryOut carries out a call; one with a key only once.
func (s *server) carryOut(in callInput) int {
	c := s.do(in.N)
	s.w.mu.Lock()
	defer s.w.mu.Unlock()
	if in.Key == "" || c.done == 0 {
		c.done++
	}
	return c.done
}

func (s *server) do(n int) *served {
	s.w.mu.Lock()
	defer s.w.mu.Unlock()
	c := s.calls[n]
	if c == nil {
		c = &served{}
		s.calls[n] = c
	}
	return c
}

// report posts the result of a call.
func (s *server) report(api gatesock.ConnectionsAPI, connection, id string, n int) {
	w := s.w
	w.mu.Lock()
	late := time.Duration(0)
	if !w.calm {
		late = []time.Duration{0, 700 * time.Millisecond, 9 * time.Second}[w.choose.below(3)]
	}
	late += time.Duration(s.served)*977 + 173
	w.mu.Unlock()
	time.Sleep(late) //nolint:forbidigo // in a bubble
	frame := fmt.Appendf(nil, `{"event":"report","id":%s,"data":{"n":%d,"done":1}}`, quoted(id), n)
	_ = api.Post(context.Background(), gatesock.Target{ConnectionID: connection}, frame)
}

// publish publishes events.
func (s *server) publish(name string, events int, roll bool) {
	w := s.w
	var out []topic.Outgoing
	var numbers []int
	for range events {
		s.lastEvent++
		numbers = append(numbers, s.lastEvent)
		out = append(out, topic.Outgoing{Event: "e", Data: s.lastEvent})
	}
	var at topic.Position
	var err error
	if roll {
		w.rolled[name] = true
		at, _, err = s.topics.Roll(context.Background(), name, "e", numbers[0])
	} else {
		at, _, err = s.topics.PublishBatch(context.Background(), name, out)
	}
	if at == (topic.Position{}) {
		w.note("publishing %v has failed: %v", numbers, err)
		return
	}
	w.note("%v is at %s:%d of %s", numbers, at.Epoch, at.Offset, name)
	if s.events[name] == nil {
		s.events[name] = map[string][]int{}
	}
	s.events[name][fmt.Sprintf("%s:%d", at.Epoch, at.Offset)] = numbers
	w.count["published"]++
}

// set sets or deletes a value of the state topic.
func (s *server) set(key string, remove bool) {
	var err error
	s.lastEvent++
	if remove {
		_, _, err = s.topics.Delete(context.Background(), stateTopic, key)
	} else {
		_, _, err = s.topics.Set(context.Background(), stateTopic, key, s.lastEvent)
	}
	s.w.note("%s = %d (removed: %t): %v", key, s.lastEvent, remove, err)
	s.w.count["values"]++
}

// head returns where a topic ends.
func (s *server) head(name string) string {
	page, err := s.log.Read(context.Background(), topic.Query{Topic: name, Newest: 1})
	if err != nil {
		s.w.fail("the log cannot be read: %v", err)
	}
	return fmt.Sprintf("%s:%d", page.Head.Epoch, page.Head.Offset)
}

// state returns the values, as clients tell them.
func (s *server) state() string {
	page, err := s.log.ReadValues(context.Background(), topic.ValuesQuery{Topic: stateTopic})
	if err != nil {
		s.w.fail("the values cannot be read: %v", err)
	}
	values := map[string]string{}
	for _, v := range page.Values {
		if !v.Deleted() {
			values[v.Key] = string(v.Data)
		}
	}
	text := valuesText(stateTopic, values)
	return text[len("values "+stateTopic):]
}

// number decodes the number in the data of an event.
func number(data string) int {
	var n int
	if json.Unmarshal([]byte(data), &n) != nil {
		return -1
	}
	return n
}
