//go:build !race

package broadcast

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

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
