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
