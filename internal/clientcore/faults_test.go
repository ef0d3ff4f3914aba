package clientcore_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/broadcast"
	"github.com/gatesock/gatesock/conn"
	"github.com/gatesock/gatesock/emulator"
	"github.com/gatesock/gatesock/internal/topicwire"
	"github.com/gatesock/gatesock/topic"
)

// TestFaults lets clients, a server and a gateway with faults run for some time, and checks that
// the clients converge when the faults end: all events are there in order and once, the values are
// the last ones, and the members are those of the roster. GATESOCK_SEEDS is how many seeds it runs.
func TestFaults(t *testing.T) {
	t.Parallel()
	seeds, _ := strconv.Atoi(os.Getenv("GATESOCK_SEEDS"))
	for seed := range uint64(max(seeds, 5)) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) { playWithFaults(t, seed) })
		})
	}
}

var errLost = errors.New("the answer was lost")

// faultsOf returns faults of which each third seed has five times as many.
func faultsOf(seed uint64) *emulator.Faults {
	often := 1.0
	if seed%3 == 2 {
		often = 5
	}
	return emulator.NewFaults(seed,
		emulator.Hold(3*time.Second).Spread().Chance(0.18*often),
		emulator.Slow(2*time.Second).Spread().Chance(0.1*often),
		emulator.Gone().Chance(0.005*often),
		emulator.FailDelivered(gatesock.ErrGone).Chance(0.01*often),
		emulator.FailDelivered(errLost).Chance(0.05*often),
		emulator.Fail(errLost).Chance(0.05*often),
		emulator.ColdStart(2*time.Second).Spread().Chance(0.05*often),
		emulator.ColdStart(35*time.Second).Chance(0.005*often),
		emulator.LoseDisconnect().Chance(0.3),
		emulator.DelayDisconnect(5*time.Minute).Spread().Chance(0.3),
		emulator.HalfOpen(10*time.Minute, 0).Spread().Chance(0.3),
		emulator.Restart(10*time.Minute).Spread().Chance(0.3),
	)
}

// play is a server with a gateway in a bubble, and its clients.
type play struct {
	t       *testing.T
	random  *rand.Rand
	topics  *topic.Topics
	log     *topic.Memory
	gateway *emulator.Gateway
	players []*player
	all     sync.WaitGroup
	over    chan struct{}
}

func playWithFaults(t *testing.T, seed uint64) {
	t.Helper()
	p := &play{t: t, random: rand.New(rand.NewPCG(seed, 7)), log: topic.NewMemory(), over: make(chan struct{})}
	ended := topic.NewEnded()
	states := func(name string) (topic.State, bool) {
		return topic.State{Attributes: []string{"room"}, Sampled: true}, name == "state"
	}
	rooms := func(name string) (topic.Presence, bool) {
		return topic.Presence{Grace: 10 * time.Second}, name == "room"
	}
	quiet := slog.New(slog.DiscardHandler)
	gateway, err := emulator.NewFunc(func(api gatesock.ConnectionsAPI) (lambda.Handler, error) {
		store := conn.NewMemory(conn.WithEnded(ended.Func()))
		p.topics = topic.New(p.log, store, broadcast.New(api, store, broadcast.WithLogger(quiet)),
			topic.WithState(p.log, states), topic.WithPresence(p.log, rooms, ended), topic.WithLogger(quiet))
		r := gatesock.New(gatesock.WithLogger(quiet))
		r.Use(conn.Track(store))
		p.topics.Register(r, topic.AllowAnyone)
		return r, nil
	}, emulator.Config{Faults: faultsOf(seed), Logger: quiet})
	require.NoError(t, err)
	p.gateway = gateway
	defer func() {
		close(p.over)
		p.all.Wait()
		require.NoError(t, gateway.Shutdown(context.WithoutCancel(t.Context())))
	}()
	for i := range 4 {
		p.join(i)
	}
	p.publish(15 * time.Minute)
	gateway.Faults().Clear()
	<-time.After(time.Minute)
	p.dieBeforePushing()
	<-time.After(25 * time.Minute) // two intervals of sync, and half-open connections are noticed
	p.requireEvents()
	for _, a := range p.players {
		a.counts()
	}
	<-time.After(150 * time.Minute) // all records have expired that nobody uses
	p.requireEvents()
	p.requireMembers()
	for _, a := range p.players {
		n := a.counts()
		require.Less(t, n, 80, "player %d has sent %d requests in 150 minutes without events", a.number, n)
	}
}

// publish publishes for some time, while players come and go.
func (p *play) publish(d time.Duration) {
	for end, n := time.Now().Add(d), 0; time.Now().Before(end); n++ {
		ctx, cancel := context.WithTimeout(p.t.Context(), 20*time.Second)
		key := fmt.Sprint("k", p.random.IntN(6))
		a := p.players[p.random.IntN(len(p.players))]
		switch p.random.IntN(12) {
		case 0, 1, 2, 3:
			p.all.Go(func() { defer cancel(); _, _, _ = p.topics.Publish(ctx, "news", "n", n) })
		case 4, 5, 6, 7:
			value := map[string]any{"room": []string{"hall", "kitchen"}[p.random.IntN(2)], "n": n}
			p.all.Go(func() { defer cancel(); _, _, _ = p.topics.Set(ctx, "state", key, value) })
		case 8:
			p.all.Go(func() { defer cancel(); _, _, _ = p.topics.Delete(ctx, "state", key) })
		case 9:
			cancel()
			a.do(func() { a.lose() })
		case 10:
			cancel()
			a.do(func() { a.toggle() })
		default:
			cancel()
		}
		<-time.After(time.Duration(p.random.Int64N(int64(4 * time.Second))))
	}
	for _, a := range p.players {
		a.do(func() {
			if !a.in {
				a.toggle()
			}
		})
	}
}

// dieBeforePushing leaves what processes leave that die before they push: only sync finds it.
func (p *play) dieBeforePushing() {
	ctx := p.t.Context()
	event := topic.Entry{Events: []topic.Event{{Name: "n", Data: json.RawMessage(`"unseen"`)}}, Keep: 24 * time.Hour}
	_, err := p.log.Append(ctx, "news", event)
	require.NoError(p.t, err)
	_, err = p.log.StoreValue(ctx, "state", "unseen", json.RawMessage(`{"room":"hall"}`))
	require.NoError(p.t, err)
	_, err = p.log.RaiseCounter(ctx, "state")
	require.NoError(p.t, err)
}

func (p *play) requireEvents() {
	p.t.Helper()
	page, err := p.log.Read(p.t.Context(), topic.Query{Topic: "news"})
	require.NoError(p.t, err)
	values := make(map[string]string)
	for v, err := range p.topics.Last(p.t.Context(), "state") {
		require.NoError(p.t, err)
		values[v.Key] = string(v.Data)
	}
	for _, a := range p.players {
		var failed, state string
		var at topicwire.Position
		var got map[string]string
		a.ask(func() { failed, at, got, state = a.failed, a.at, maps.Clone(a.values), a.String() })
		require.Empty(p.t, failed, "player %d", a.number)
		require.Equal(p.t, page.Head.Offset, at.Offset, "player %d is not at the head: %s", a.number, state)
		want := maps.Clone(values)
		if a.filter != "" {
			maps.DeleteFunc(want, func(_, data string) bool { return !strings.Contains(data, a.filter) })
		}
		require.Equal(p.t, want, got, "player %d: %s", a.number, state)
	}
}

func (p *play) requireMembers() {
	p.t.Helper()
	users, err := p.topics.Present(p.t.Context(), "room")
	require.NoError(p.t, err)
	var want []string
	for _, u := range users {
		for _, r := range u.Rows {
			want = append(want, string(r.As))
		}
	}
	slices.Sort(want)
	require.Len(p.t, want, len(p.players))
	for _, a := range p.players {
		var got []string
		var state string
		a.ask(func() { got, state = slices.Sorted(maps.Values(a.members)), a.String() })
		require.Equal(p.t, want, got, "player %d: %s", a.number, state)
	}
}
