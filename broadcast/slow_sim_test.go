package broadcast

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/conn"
)

// account is a gateway whose account refuses posts, whatever connection they are to. It answers
// after 5 to 20 ms.
type account struct {
	refuses func(taken int) bool // asked under the lock, with how many were taken

	mu     sync.Mutex
	chance *rand.Rand
	taken  int
	stuck  map[string]bool // their buffers never empty
	closed []string
}

func newAccount(refuses func(taken int) bool) *account {
	return &account{refuses: refuses, chance: rand.New(rand.NewPCG(1, 2))}
}

func (a *account) Post(ctx context.Context, to gatesock.Target, _ []byte) error {
	a.mu.Lock()
	latency := 5*time.Millisecond + time.Duration(a.chance.Int64N(int64(15*time.Millisecond)))
	a.mu.Unlock()
	if err := wait(ctx, latency, nil); err != nil {
		return err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.stuck[to.ConnectionID] || a.refuses(a.taken) {
		return fmt.Errorf("post: %w", gatesock.ErrThrottled)
	}
	a.taken++
	return nil
}

func (a *account) Disconnect(_ context.Context, from gatesock.Target) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.closed = append(a.closed, from.ConnectionID)
	return nil
}

// during refuses everything for a while, from when so many posts were taken.
func during(from int, d time.Duration) func(int) bool {
	var began time.Time
	return func(taken int) bool {
		if taken < from {
			return false
		}
		if began.IsZero() {
			began = time.Now()
		}
		return time.Since(began) < d
	}
}

// byChance refuses a part of all posts.
func byChance(part float64) func(int) bool {
	chance := rand.New(rand.NewPCG(3, 4))
	return func(int) bool { return chance.Float64() < part }
}

// flapping refuses everything in the first part of each period.
func flapping(period time.Duration, part float64) func(int) bool {
	began := time.Now()
	return func(int) bool { return time.Since(began)%period < time.Duration(part*float64(period)) }
}

func sizes() []int { return []int{1, 2, 3, 50, 500, 5000} }

// healthy sends to a room and requires that no client was called slow. What was not delivered is
// unsent at most.
func healthy(t *testing.T, refuses func() func(int) bool, size, sends int, whole bool) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		a := newAccount(refuses())
		b := New(a, room(size, 100), WithSlowConsumers(defaultRefusals, DisconnectSlow), quiet())
		for range sends {
			rep, err := b.Send(t.Context(), To("room"), hello())
			require.Zero(t, rep.Slow, "size %d", size)
			require.Zero(t, rep.Failed, "size %d: %v", size, rep.Errors)
			if whole {
				require.NoError(t, err)
				require.Equal(t, size, rep.Delivered, "size %d: %+v", size, rep)
			}
		}
		require.Empty(t, a.closed)
	})
}

// In an outage of the account nobody is too slow, wherever in the send it begins, and everybody has
// the message after it.
func TestNobodyIsSlowInAnOutage(t *testing.T) {
	t.Parallel()
	for _, d := range []time.Duration{
		500 * time.Millisecond, time.Second, 2 * time.Second, 5 * time.Second,
		10 * time.Second, 20 * time.Second,
	} {
		t.Run(d.String(), func(t *testing.T) {
			t.Parallel()
			for _, size := range sizes() {
				for _, left := range []int{size, size - size/3, 60, 20, 3, 1} {
					if left > 0 && left <= size {
						healthy(t, func() func(int) bool { return during(size-left, d) }, size, 1, true)
					}
				}
			}
		})
	}
}

// Where the account refuses posts by chance nobody is too slow, however many are refused.
func TestNobodyIsSlowByChance(t *testing.T) {
	t.Parallel()
	for _, percent := range []int{10, 30, 50, 80, 90, 95} {
		t.Run(fmt.Sprint(percent), func(t *testing.T) {
			t.Parallel()
			for _, size := range sizes()[:5] {
				healthy(t, func() func(int) bool { return byChance(float64(percent) / 100) }, size, 1+100/size, percent <= 50)
			}
		})
	}
}

// The same holds for an account that refuses all posts for a part of each period.
func TestNobodyIsSlowInShortOutages(t *testing.T) {
	t.Parallel()
	for _, period := range []time.Duration{
		40 * time.Millisecond, 200 * time.Millisecond, 500 * time.Millisecond,
		time.Second, 3 * time.Second,
	} {
		t.Run(period.String(), func(t *testing.T) {
			t.Parallel()
			for _, part := range []float64{0.2, 0.5, 0.8} {
				for _, size := range sizes()[:5] {
					healthy(t, func() func(int) bool { return flapping(period, part) }, size, 1+100/size, false)
				}
			}
		})
	}
}

// Many instances, each with a room of one and a Broadcaster of its own, know nothing of each
// other's refusals.
func TestNobodyIsSlowAloneInManyInstances(t *testing.T) {
	t.Parallel()
	for _, percent := range []int{80, 90} {
		synctest.Test(t, func(t *testing.T) {
			a := newAccount(byChance(float64(percent) / 100))
			var wg sync.WaitGroup
			for i := range 50 {
				wg.Go(func() {
					b := New(a, room(0, 1), WithSlowConsumers(defaultRefusals, DisconnectSlow), quiet())
					for range 20 {
						rep, err := b.Send(t.Context(), ToConnections(name(i)), hello())
						if err != nil || rep.Failed > 0 {
							t.Errorf("%d: %v, %+v", i, err, rep)
						}
					}
				})
			}
			wg.Wait()
			require.Empty(t, a.closed)
		})
	}
}

// A client whose buffer never empties is found while others take their messages, also where some of
// theirs are refused: in the first sends of a small room, in the first send to a large one.
func TestStuckClientIsFound(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		size, sends int
		refused     float64
	}{
		"three":                   {3, 40, 0},
		"ten":                     {10, 20, 0},
		"fifty":                   {50, 8, 0},
		"five thousand":           {5000, 6, 0},
		"fifty, 10 % refused":     {50, 20, 0.1},
		"fifty, 50 % refused":     {50, 60, 0.5},
		"two thousand, a quarter": {2000, 10, 0.25},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				a := newAccount(byChance(c.refused))
				a.stuck = map[string]bool{"c0": true}
				b := New(a, room(c.size, 100), WithSlowConsumers(defaultRefusals, DisconnectSlow), quiet())
				for range c.sends {
					rep, err := b.Send(t.Context(), To("room"), hello())
					require.NoError(t, err)
					require.Equal(t, c.size-1, rep.Delivered)
					if len(a.closed) > 0 {
						break
					}
				}
				require.Equal(t, []string{"c0"}, a.closed)
			})
		})
	}
}

// Sends that do not try again, one after the other, know no better either.
func TestNobodyIsSlowWithoutRetries(t *testing.T) {
	t.Parallel()
	for _, percent := range []int{50, 80, 90, 95} {
		for _, every := range []time.Duration{200 * time.Millisecond, time.Second} {
			synctest.Test(t, func(t *testing.T) {
				a := newAccount(byChance(float64(percent) / 100))
				b := New(a, room(50, 100), WithSlowConsumers(defaultRefusals, DisconnectSlow), WithRetries(1, 0), quiet())
				for range 200 {
					_, err := b.Send(t.Context(), To("room"), hello())
					require.NoError(t, err)
					<-time.After(every)
				}
				require.Empty(t, a.closed, "%d %% refused", percent)
			})
		}
	}
}

// Where each burst empties the account's bucket the last posts of it are refused, which are not
// always the same members'.
func TestNobodyIsSlowAtTheEndOfBursts(t *testing.T) {
	t.Parallel()
	for _, within := range []time.Duration{0, 200 * time.Millisecond, 30 * time.Second} {
		for _, size := range []int{55, 100} {
			synctest.Test(t, func(t *testing.T) {
				tokens, filled := 50.0, time.Now()
				a := newAccount(func(int) bool {
					now := time.Now()
					tokens, filled = min(50, tokens+50*now.Sub(filled).Seconds()), now
					if tokens < 1 {
						return true
					}
					tokens--
					return false
				})
				b := New(a, room(size, 100), WithSlowConsumers(defaultRefusals, DisconnectSlow), WithRetries(5, within), quiet())
				for range 60 {
					_, err := b.Send(t.Context(), To("room"), hello())
					require.NoError(t, err)
					<-time.After(2 * time.Second)
				}
				require.Empty(t, a.closed, "size %d, retries within %s", size, within)
			})
		}
	}
}

// An endpoint in another account may be throttled while the poster's own is not.
func TestNobodyIsSlowForAnotherEndpoint(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		began, a := time.Now(), newAccount(func(int) bool { return false })
		p := posterFunc(func(ctx context.Context, to gatesock.Target, data []byte) error {
			if to.Endpoint != "" && time.Since(began) < 10*time.Second {
				return gatesock.ErrThrottled
			}
			return a.Post(ctx, to, data)
		})
		store := room(50, 100)
		for i := range 20 {
			store.groups["far"] = append(store.groups["far"], []conn.Member{{ID: fmt.Sprint("far", i), Endpoint: "https://far.example"}})
		}
		b := New(p, store, quiet())
		done := make(chan struct{})
		go func() {
			defer close(done)
			for range 100 {
				_, _ = b.Send(t.Context(), To("room"), hello())
				<-time.After(100 * time.Millisecond)
			}
		}()
		rep, err := b.Send(t.Context(), To("far"), hello())
		require.NoError(t, err)
		<-done
		require.Equal(t, []int{20, 0}, []int{rep.Delivered, rep.Slow})
	})
}

// A client that stalls for some seconds, on a train, is not too slow, however many messages come
// meanwhile.
func TestStallIsNotSlow(t *testing.T) {
	t.Parallel()
	for stall, closed := range map[time.Duration]bool{4 * time.Second: false, 30 * time.Second: true} {
		synctest.Test(t, func(t *testing.T) {
			a := newAccount(func(int) bool { return false })
			a.stuck = map[string]bool{"c0": true}
			time.AfterFunc(stall, func() {
				a.mu.Lock()
				defer a.mu.Unlock()
				a.stuck = nil
			})
			b := New(a, room(20, 100), WithSlowConsumers(defaultRefusals, DisconnectSlow), quiet())
			var sends sync.WaitGroup
			for range 200 {
				sends.Go(func() { _, _ = b.Send(t.Context(), To("room"), hello()) })
				<-time.After(50 * time.Millisecond)
			}
			sends.Wait()
			require.Equal(t, closed, len(a.closed) > 0, stall)
		})
	}
}

// That connections can be closed says nothing of posts.
func TestClosedConnectionsAreNoEvidence(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		d := &door{posterFunc: func(ctx context.Context, _ gatesock.Target, _ []byte) error {
			if time.Since(began) < 20*time.Second {
				return wait(ctx, 10*time.Millisecond, gatesock.ErrThrottled)
			}
			return nil
		}}
		store := room(50, 100)
		var others []conn.Member
		for i := range 4000 {
			others = append(others, connMember(fmt.Sprint("other", i)))
		}
		store.groups["others"] = [][]conn.Member{others}
		b := New(d, store, WithConcurrency(2), WithSlowConsumers(1, SkipSlow), quiet())
		var calls sync.WaitGroup
		calls.Go(func() { _, _ = b.Disconnect(t.Context(), To("others")) })
		rep, err := b.Send(t.Context(), To("room"), hello())
		calls.Wait()
		require.NoError(t, err)
		require.Equal(t, []int{50, 0}, []int{rep.Delivered, rep.Slow})
	})
}
