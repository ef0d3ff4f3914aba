package emulator

import (
	"context"
	"log/slog"
	"math"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// journal has lines with the time since a clock's start, in a bubble of synctest, where time passes
// only while all wait.
type journal struct {
	clock Clock
	start time.Time

	mu    sync.Mutex
	lines []string
}

func newJournal(c Clock) *journal { return &journal{clock: c, start: c.Now()} }

// note returns a function that adds a line.
func (j *journal) note(text string) func() {
	return func() {
		j.mu.Lock()
		defer j.mu.Unlock()
		j.lines = append(j.lines, text+" at "+j.clock.Now().Sub(j.start).String())
	}
}

func (j *journal) take() []string {
	j.mu.Lock()
	defer j.mu.Unlock()
	lines := j.lines
	j.lines = nil
	return lines
}

func TestRunningClockRuns(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := NewRunningClock()
		j := newJournal(c)
		require.Equal(t, time.Now(), c.Now())
		c.AfterFunc(3*time.Second, j.note("c"))
		c.AfterFunc(time.Second, j.note("a"))
		stopped := c.AfterFunc(500*time.Millisecond, j.note("stopped"))
		c.AfterFunc(2*time.Second, func() {
			j.note("b")()
			c.AfterFunc(500*time.Millisecond, j.note("nested"))
		})
		c.AfterFunc(-time.Second, j.note("overdue"))
		require.True(t, stopped.Stop())
		require.False(t, stopped.Stop())
		<-time.After(time.Minute)
		require.Equal(t, []string{"overdue at 0s", "a at 1s", "b at 2s", "nested at 2.5s", "c at 3s"}, j.take())
		require.Equal(t, time.Now(), c.Now())
		require.Zero(t, c.Offset())
	})
}

func TestRunningClockAdvances(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := NewRunningClock()
		j := newJournal(c)
		c.AfterFunc(2*time.Minute, j.note("b"))
		c.AfterFunc(time.Second, func() {
			j.note("a")()
			c.AfterFunc(30*time.Second, j.note("nested"))
		})
		c.AfterFunc(2*time.Second, func() {
			<-time.After(patienceWhileRunning - 1) // the clock stands, also when calls would be due without the move
			j.note("slow")()
		})
		next := c.AfterFunc(2*time.Second, j.note("next"))
		c.AfterFunc(10*time.Minute+patienceWhileRunning, j.note("late"))
		c.Advance(10 * time.Minute)
		require.Equal(t, []string{"a at 1s", "slow at 2s", "next at 2s", "nested at 31s", "b at 2m0s"}, j.take())
		require.False(t, next.Stop())
		require.Equal(t, 10*time.Minute, c.Offset())
		require.Equal(t, time.Now().Add(10*time.Minute), c.Now(), "what the slow call took has passed, too")
		<-time.After(1)
		synctest.Wait()
		require.Equal(t, []string{"late at 10m3s"}, j.take())
	})
}

// What was due when the clock moved back is due at the same time as before.
func TestRunningClockGoesBack(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := NewRunningClock()
		j := newJournal(c)
		c.AfterFunc(time.Minute, j.note("a"))
		c.Advance(-time.Hour)
		require.Equal(t, -time.Hour, c.Offset())
		<-time.After(time.Hour)
		require.Empty(t, j.take())
		<-time.After(time.Minute)
		synctest.Wait()
		require.Equal(t, []string{"a at 1m0s"}, j.take())
	})
}

// A call that waits for the clock, such as a slow post of a $disconnect handler, gets it.
func TestRunningClockLeavesBehindWhoWaitsForIt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(*testing.T) {
		c := NewRunningClock()
		done := make(chan struct{})
		c.AfterFunc(time.Second, func() {
			tick := make(chan struct{})
			c.AfterFunc(2*time.Second, func() { close(tick) })
			<-tick
			close(done)
		})
		c.Advance(time.Minute)
		<-done
	})
}

func TestRunningClockAtItsEnds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := NewRunningClock()
		j := newJournal(c)
		c.AfterFunc(time.Hour, j.note("a"))
		c.Advance(math.MaxInt64)
		c.Advance(math.MaxInt64)
		require.Equal(t, time.Duration(math.MaxInt64), c.Offset())
		require.Equal(t, []string{"a at 1h0m0s"}, j.take())
		for range 3 {
			c.Advance(math.MinInt64)
		}
		require.Equal(t, time.Duration(math.MinInt64), c.Offset())
	})
}

// A running clock that is put forward makes the same calls at the same times as a manual one, and
// as the machine's, whatever is added, stopped and advanced in between.
func TestClocksAgree(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		type act struct {
			kind string
			d    time.Duration
			n    int
		}
		acts := rapid.SliceOfN(rapid.Custom(func(rt *rapid.T) act {
			return act{
				kind: rapid.SampledFrom([]string{"add", "add", "stop", "advance", "sleep"}).Draw(rt, "kind"),
				d:    time.Duration(rapid.IntRange(1, 20).Draw(rt, "seconds")) * time.Second,
				n:    rapid.IntRange(0, 9).Draw(rt, "n"),
			}
		}), 0, 30).Draw(rt, "acts")
		run := func(c Clock, move func(kind string, d time.Duration)) (lines []string) {
			j := newJournal(c)
			var timers []Timer
			for i, a := range acts {
				switch {
				case a.kind == "add":
					timers = append(timers, c.AfterFunc(a.d, j.note(strings.Repeat("x", i))))
				case a.kind == "stop" && a.n < len(timers):
					if timers[a.n].Stop() {
						j.note("stopped")()
					}
				case a.kind == "advance" || a.kind == "sleep":
					move(a.kind, a.d)
				}
			}
			move("advance", time.Minute)
			return j.take()
		}
		var manual, running, machine []string
		synctest.Test(t, func(*testing.T) {
			c := NewManualClock(start())
			manual = run(c, func(_ string, d time.Duration) { c.Advance(d) })
		})
		synctest.Test(t, func(*testing.T) {
			c := NewRunningClock()
			running = run(c, func(kind string, d time.Duration) {
				if kind == "advance" {
					c.Advance(d)
					return
				}
				<-time.After(d)
				synctest.Wait()
			})
		})
		synctest.Test(t, func(*testing.T) {
			machine = run(systemClock{}, func(_ string, d time.Duration) {
				<-time.After(d)
				synctest.Wait()
			})
		})
		require.ElementsMatch(rt, manual, machine) // those of one time come in any order
		require.ElementsMatch(rt, manual, running)
	})
}

// Moves, timers and readers of the time at once: the time never goes back, no call comes early, and
// each comes once or was stopped.
func TestRunningClockUnderLoad(t *testing.T) {
	t.Parallel()
	c := NewRunningClock()
	var wg, calls sync.WaitGroup
	stop := make(chan struct{})
	begun := c.Now()
	var latest atomic.Int64 // the latest time that a reader has seen
	for range 3 {
		wg.Go(func() {
			for {
				before := latest.Load()
				now := int64(c.Now().Sub(begun))
				if now < before {
					t.Errorf("%v is before %v", now, before)
				}
				for before < now && !latest.CompareAndSwap(before, now) {
					before = latest.Load()
				}
				select {
				case <-stop:
					return
				default:
				}
			}
		})
	}
	var adding sync.WaitGroup
	for range 4 {
		adding.Go(func() {
			for i := range 500 {
				d := time.Duration(i%7) * time.Second
				due := c.Now().Add(d)
				calls.Add(1)
				timer := c.AfterFunc(d, func() {
					defer calls.Done()
					if c.Now().Before(due) {
						t.Errorf("a call of %v came at %v", due, c.Now())
					}
				})
				if i%3 == 0 && timer.Stop() {
					calls.Done()
				}
			}
		})
	}
	for range 20_000 {
		c.Advance(time.Millisecond)
	}
	adding.Wait()
	c.Advance(time.Minute)
	calls.Wait()
	close(stop)
	wg.Wait()
	require.Equal(t, time.Minute+20*time.Second, c.Offset())
}

// An invocation over a socket starts its timeouts late by a clock that runs. A move of the clock
// finds them nevertheless.
func TestRunningClockTimesOutAnInvocationThatHasJustBegun(t *testing.T) {
	t.Parallel()
	for range 20 {
		c := NewRunningClock()
		begun, release := make(chan struct{}), make(chan struct{})
		g, err := New(handlerFunc(func(_ context.Context, event []byte) ([]byte, error) {
			if strings.Contains(string(event), `"body"`) {
				close(begun)
				<-release
			}
			return status(200), nil
		}), Config{Routes: routes("$default!"), Clock: c, Logger: slog.New(slog.DiscardHandler)})
		require.NoError(t, err)
		server := httptest.NewServer(g)
		conn, _, err := websocket.Dial(t.Context(), server.URL+"/local", nil) //nolint:bodyclose // never needed
		require.NoError(t, err)
		require.NoError(t, conn.Write(t.Context(), websocket.MessageText, []byte("x")))
		<-begun
		c.Advance(29 * time.Second)
		_, data, err := conn.Read(t.Context())
		require.NoError(t, err)
		require.Contains(t, string(data), "Endpoint request timed out")
		close(release)
		require.NoError(t, conn.CloseNow())
		require.NoError(t, g.Shutdown(context.Background()))
		server.Close()
		require.Empty(t, c.moving)
	}
}

// Clients sign by the machine's time, and a clock that is put forward does not make that expire.
func TestRunningClockChecksSignaturesByTheMachinesTime(t *testing.T) {
	t.Parallel()
	cfg := strict()
	clock := NewRunningClock()
	cfg.Clock, cfg.Logger = clock, slog.New(slog.DiscardHandler)
	g, err := New(always(`{"statusCode":200}`), cfg)
	require.NoError(t, err)
	clock.Advance(time.Hour)
	w := &world{t: t, gw: g, front: inMemory{}}
	for at, status := range map[time.Time]int{
		time.Now(): 101, time.Now().Add(-time.Hour): 403, time.Now().Add(time.Hour): 403,
	} {
		_, a := w.front.dial(w, w.signedHandshake(signing{by: root, at: at}))
		require.Equal(t, status, a.status)
	}
	require.NoError(t, g.Shutdown(t.Context()))
}

// The timeouts that start before a move count from the beginning of the invocation.
func TestRunningClockKnowsTheAgeOfAnInvocation(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		clock := NewRunningClock()
		s := echoSession(t, clock)
		var failed error
		st := stamp{on: s.g.current(), time: clock.Now(), requestID: "x"}
		inv := s.invocation(t.Context(), s.g.current().routes["echo"], st, nil,
			func(_ replier, _ response, err error) { failed = err })
		<-time.After(10 * time.Second)
		clock.Advance(19*time.Second - 1)
		require.NoError(t, failed)
		clock.Advance(1)
		require.ErrorIs(t, failed, errTimeout)
		inv.run()
		require.NoError(t, s.g.Shutdown(t.Context()))
	})
}
