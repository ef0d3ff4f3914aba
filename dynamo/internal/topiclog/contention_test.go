package topiclog

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/topic"
)

func entryOf(data any) topic.Entry {
	text, _ := json.Marshal(data)
	return topic.Entry{Events: []topic.Event{{Name: "e", Data: text}}, Keep: 24 * time.Hour}
}

// contention is what publishers do, each a process of its own. A request takes 5 ms there and back,
// give or take a half, which is what one to DynamoDB takes about. The time is virtual, so that the
// load of the machine does not matter.
type contention struct {
	topics, publishers int
	// rate is how many entries all together append in a second, at random; 0 means as many as they
	// can.
	rate int
}

// TestAppendsASecond computes the figures of docs/performance.md:
//
//	go test ./dynamo/internal/topiclog -run TestAppendsASecond -v
func TestAppendsASecond(t *testing.T) {
	t.Parallel()
	for _, c := range []contention{
		{1, 1, 0},
		{1, 2, 0},
		{1, 8, 0},
		{1, 32, 0},
		{100, 1, 0},
		{100, 2, 0},
		{100, 8, 0},
		{100, 32, 0},
		{1, 8, 10},
		{1, 8, 50},
		{1, 32, 10},
		{1, 32, 50},
		{1, 32, 100},
	} {
		t.Run(fmt.Sprintf("%+v", c), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				seconds := 2
				if testing.Verbose() || c.rate == 10 { // in 2 s, 20 of which chance may leave 5
					seconds = 20
				}
				got := c.run(t, seconds)
				t.Log(c, got)
				want := 80 // a second, for the latency of 5 ms
				if c.rate > 0 {
					want = c.rate / 4
				}
				require.Greater(t, got.perSecond, want)
				require.Less(t, got.longest, 10*time.Second, "somebody is overtaken for ever")
			})
		})
	}
}

func (c contention) String() string {
	s := fmt.Sprintf("%3d topics, %2d publishers", c.topics, c.publishers)
	if c.rate > 0 {
		s += fmt.Sprintf(", %3d/s wanted", c.rate)
	}
	return s
}

// contended is how it goes.
type contended struct {
	perSecond         int
	writes            float64 // for each entry
	p50, p99, longest time.Duration
}

func (c contended) String() string {
	ms := func(d time.Duration) time.Duration { return d.Round(time.Millisecond) }
	return fmt.Sprintf("%4d appends/s, %.1f writes each, p50 %v, p99 %v, the longest %v",
		c.perSecond, c.writes, ms(c.p50), ms(c.p99), ms(c.longest))
}

func (c contention) run(t *testing.T, seconds int) contended {
	t.Helper()
	w := newTwin()
	w.latency = 5 * time.Millisecond
	for i := range c.topics {
		_, err := w.log().Append(t.Context(), fmt.Sprint(i), entryOf("first"))
		require.NoError(t, err)
	}
	w.writes = 0
	ctx, cancel := context.WithTimeout(t.Context(), time.Duration(seconds)*time.Second)
	defer cancel()
	var running sync.WaitGroup
	var mu sync.Mutex
	var took []time.Duration
	for i := range c.publishers {
		running.Go(func() {
			log := w.log()
			for n := i * c.topics / c.publishers; c.pause(ctx); n++ {
				began := time.Now()
				if _, err := log.Append(ctx, fmt.Sprint(n%c.topics), entryOf(n)); err != nil {
					return
				}
				mu.Lock()
				took = append(took, time.Since(began))
				mu.Unlock()
			}
		})
	}
	running.Wait()
	slices.Sort(took)
	return contended{
		perSecond: len(took) / seconds, writes: float64(w.writes) / float64(len(took)),
		p50: took[len(took)/2], p99: took[len(took)*99/100], longest: took[len(took)-1],
	}
}

// pause waits before the next entry, and returns false when the time is over.
func (c contention) pause(ctx context.Context) bool {
	if c.rate > 0 {
		mean := time.Second * time.Duration(c.publishers) / time.Duration(c.rate)
		select {
		case <-time.After(time.Duration(rand.ExpFloat64() * float64(mean))): //nolint:gosec // no secret
		case <-ctx.Done():
		}
	}
	return ctx.Err() == nil
}
