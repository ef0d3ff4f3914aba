//go:build !race

// These simulations run in one goroutine, where the race detector has nothing to find and makes them
// eight times as slow.

package pace_test

import (
	"container/heap"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/gatesock/gatesock/broadcast/internal/pace"
)

// event is something that happens at a time, in the simulation's own order.
type event struct {
	at time.Time
	do func(now time.Time)
}

type events []event

func (e events) Len() int           { return len(e) }
func (e events) Less(i, j int) bool { return e[i].at.Before(e[j].at) }
func (e events) Swap(i, j int)      { e[i], e[j] = e[j], e[i] }
func (e *events) Push(x any)        { *e = append(*e, x.(event)) }
func (e *events) Pop() any {
	last := (*e)[len(*e)-1]
	*e = (*e)[:len(*e)-1]
	return last
}

// world is an account's quota in virtual time: a token bucket that all requests draw on.
type world struct {
	queue  events
	start  time.Time
	now    time.Time
	chance *rand.Rand

	quota, burst, tokens float64
	filled               time.Time
	overflow             float64 // of the quota, not used because the bucket was full
}

func newWorld(seed uint64, quota, burst float64) *world {
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	return &world{
		start: start, now: start, filled: start, chance: rand.New(rand.NewPCG(seed, seed)),
		quota: quota, burst: burst, tokens: burst,
	}
}

func (w *world) after(d time.Duration, do func(now time.Time)) {
	heap.Push(&w.queue, event{w.now.Add(d), do})
}

func (w *world) run(until time.Duration) {
	for len(w.queue) > 0 && w.queue[0].at.Sub(w.start) < until {
		e := heap.Pop(&w.queue).(event)
		w.now = e.at
		e.do(e.at)
	}
}

func (w *world) refill() {
	w.tokens += w.quota * w.now.Sub(w.filled).Seconds()
	w.overflow += max(0, w.tokens-w.burst)
	w.tokens, w.filled = min(w.tokens, w.burst), w.now
}

func (w *world) take() bool {
	w.refill()
	if w.tokens < 1 {
		return false
	}
	w.tokens--
	return true
}

// broadcaster has endless work: so many posts at once, 5 to 20 ms each, retries with full jitter.
type broadcaster struct {
	*world

	rate    *pace.Rate
	free    int
	slow    float64 // the share of connections that are always refused
	retries []int   // refusals of those that wait for another try, whose time has come
	asked   bool    // a wake-up is under way
	served  int
	refused int
}

func (b *broadcaster) start() { b.next(b.now) }

func (b *broadcaster) next(now time.Time) {
	for b.free > 0 {
		wait := b.rate.Take(now)
		if wait > 0 {
			if !b.asked {
				b.asked = true
				b.after(wait, func(now time.Time) { b.asked = false; b.next(now) })
			}
			return
		}
		refused := 0
		if last := len(b.retries) - 1; last >= 0 {
			refused, b.retries = b.retries[last], b.retries[:last]
		}
		b.free--
		b.after(5*time.Millisecond+time.Duration(b.chance.Int64N(int64(15*time.Millisecond))),
			func(now time.Time) { b.answer(now, refused) })
	}
}

func (b *broadcaster) answer(now time.Time, refused int) {
	b.free++
	slow := refused < 0 || refused == 0 && b.chance.Float64() < b.slow
	switch before := max(refused, -refused); {
	case !slow && b.take():
		b.served++
		b.rate.Delivered(now, before)
	default:
		b.refused++
		b.rate.Throttled(now, before)
		if before++; before < 5 {
			if slow {
				before = -before
			}
			limit := 100 * time.Millisecond << (max(before, -before) - 1)
			b.after(time.Duration(b.chance.Int64N(int64(limit))), func(now time.Time) {
				b.retries = append(b.retries, before)
				b.next(now)
			})
		}
	}
	b.next(now)
}

// inbound is traffic that does not adapt.
type inbound struct {
	*world

	perSecond       float64
	offered, served int
}

func (i *inbound) start() {
	i.after(time.Duration(i.chance.ExpFloat64()/i.perSecond*float64(time.Second)), func(time.Time) {
		i.offered++
		if i.take() {
			i.served++
		}
		i.start()
	})
}

// TestQuotaIsShared: three broadcasters and inbound traffic on one account, whose quota halves.
func TestQuotaIsShared(t *testing.T) {
	t.Parallel()
	for seed := range uint64(3) {
		w := newWorld(seed, 10_000, 5_000)
		in := &inbound{world: w, perSecond: 2_000}
		in.start()
		b := make([]*broadcaster, 3)
		for i := range b {
			b[i] = &broadcaster{world: w, rate: pace.New(0), free: 128}
			w.after([]time.Duration{0, 0, 10 * time.Second}[i], func(time.Time) { b[i].start() })
		}
		check := func(from, to time.Duration, quota float64) {
			w.run(from)
			w.refill()
			before := []int{b[0].served, b[1].served, b[2].served, in.offered, in.served}
			overflow := w.overflow
			w.run(to)
			w.refill()
			span := (to - from).Seconds()
			share := make([]float64, 3)
			used := float64(in.served - before[4])
			for i := range b {
				share[i] = float64(b[i].served - before[i])
				used += share[i]
			}
			t.Logf("seed %d, from %s: %.1f %% used (%.1f %% overflow), shares %.0f, inbound %.1f %%", seed, from, 100*used/span/quota,
				100*(w.overflow-overflow)/span/quota, share, 100*float64(in.served-before[4])/float64(in.offered-before[3]))
			require.GreaterOrEqual(t, used, 0.95*quota*span)
			require.LessOrEqual(t, max(share[0], share[1], share[2]), 1.2*min(share[0], share[1], share[2]))
			require.GreaterOrEqual(t, float64(in.served-before[4]), 0.95*float64(in.offered-before[3]))
		}
		check(30*time.Second, 60*time.Second, 10_000)
		w.refill()
		w.quota = 5_000
		check(61*time.Second, 90*time.Second, 5_000)
	}
}

// Slow consumers say nothing about the account: the rate stays as it was.
func TestSlowConsumersDoNotLimit(t *testing.T) {
	t.Parallel()
	for _, slow := range []float64{0.01, 0.05, 0.2} {
		w := newWorld(1, 1e9, 1e9)
		b := &broadcaster{world: w, rate: pace.New(0), free: 64, slow: slow}
		b.start()
		w.run(20 * time.Second)
		require.Zero(t, b.rate.Limit())
		require.Positive(t, b.refused)
	}
}

// When nothing is taken the rate falls, and it is up again soon after.
func TestOutage(t *testing.T) {
	t.Parallel()
	w := newWorld(1, 1e9, 1e9)
	b := &broadcaster{world: w, rate: pace.New(0), free: 64}
	b.start()
	w.run(5 * time.Second)
	w.refill()
	w.quota, w.tokens, w.burst = 0, 0, 5_000
	w.run(10 * time.Second)
	fallen := b.rate.Limit()
	require.Less(t, fallen, 100.0)
	w.run(60 * time.Second)
	require.LessOrEqual(t, b.rate.Limit(), fallen, "nothing shows that there is room")
	w.refill()
	w.quota = 1e6
	w.run(80 * time.Second)
	before := b.served
	w.run(81 * time.Second)
	require.Greater(t, b.served-before, 4_000, "64 at once, 12.5 ms each, make 5,120")
}

// After an outage the rate is back within seconds near what it was, also where outages come again
// and again; and where the quota has become smaller meanwhile it is found.
func TestRateComesBackAfterAnOutage(t *testing.T) {
	t.Parallel()
	for _, quota := range []float64{10_000, 2_000} {
		w := newWorld(1, 10_000, 5_000)
		b := &broadcaster{world: w, rate: pace.New(0), free: 128}
		b.start()
		w.run(5 * time.Second)
		for n := range 3 {
			at := time.Duration(5+5*n) * time.Second
			w.refill()
			w.quota, w.tokens, w.burst = 0, 0, 0
			w.run(at + 2*time.Second)
			w.refill()
			w.quota, w.burst = quota, 5_000
			w.run(at + 4*time.Second)
			before := b.served
			w.run(at + 5*time.Second)
			require.GreaterOrEqual(t, float64(b.served-before), 0.35*min(quota, 9_000), "quota %.0f, outage %d", quota, n)
		}
		w.run(40 * time.Second)
		before, refused := b.served, b.refused
		w.run(43 * time.Second)
		require.GreaterOrEqual(t, float64(b.served-before), 0.8*3*min(quota, 9_000))
		require.LessOrEqual(t, float64(b.refused-refused), 0.05*3*quota)
	}
}

func TestLimitIsForgotten(t *testing.T) {
	t.Parallel()
	r := pace.New(0)
	now := time.Now()
	for i := range 100 {
		r.Throttled(now.Add(time.Duration(i)*10*time.Millisecond), 0)
	}
	require.NotZero(t, r.Limit())
	now = now.Add(2 * time.Minute)
	r.Delivered(now, 0)
	r.Delivered(now.Add(time.Second), 0)
	require.Zero(t, r.Limit())
}

// No more posts than the ceiling allows begin in any time.
func TestCeilingHolds(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		ceiling := rapid.Float64Range(0.5, 20_000).Draw(t, "ceiling")
		r := pace.New(ceiling)
		start := time.Now()
		now, n := start, 0
		for range rapid.IntRange(1, 400).Draw(t, "asked") {
			wait := r.Take(now)
			if wait == 0 {
				n++
				require.LessOrEqual(t, float64(n), max(1, ceiling*0.02)+ceiling*now.Sub(start).Seconds()+1e-6)
				if rapid.IntRange(0, 3).Draw(t, "answer") == 0 {
					r.Throttled(now, 0)
				} else {
					r.Delivered(now, 0)
				}
			}
			now = now.Add(rapid.SampledFrom([]time.Duration{0, wait, wait / 2, time.Millisecond}).Draw(t, "later"))
		}
	})
}

// A caller that asks again after the wait may post: alone it reaches the whole rate.
func TestWaitIsNotTooLong(t *testing.T) {
	t.Parallel()
	r := pace.New(1000)
	now := time.Now()
	end := now.Add(time.Second)
	n := 0
	for now.Before(end) {
		if wait := r.Take(now); wait > 0 {
			now = now.Add(wait)
			continue
		}
		n++
	}
	require.InDelta(t, 1020, n, 2)
}
