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
)

// What is promised of the order: a Send that begins after another has returned comes after it at
// every connection, whatever was throttled or failed on the way.
func TestSendsOneAfterTheOtherComeInOrder(t *testing.T) {
	t.Parallel()
	for _, opts := range [][]Option{nil, {WithCoalescing(20 * time.Millisecond)}, {WithRate(500)}} {
		synctest.Test(t, func(t *testing.T) {
			chance := rand.New(rand.NewPCG(1, 2))
			var mu sync.Mutex
			got := map[string][]string{}
			p := posterFunc(func(ctx context.Context, to gatesock.Target, data []byte) error {
				mu.Lock()
				latency, fate := time.Duration(chance.IntN(30))*time.Millisecond, chance.IntN(10)
				mu.Unlock()
				if err := wait(ctx, latency, nil); err != nil {
					return err
				}
				switch fate {
				case 0:
					return gatesock.ErrThrottled
				case 1:
					return errFault
				}
				mu.Lock()
				defer mu.Unlock()
				got[to.ConnectionID] = append(got[to.ConnectionID], string(data))
				return nil
			})
			b := New(p, room(200, 30), append(opts, WithConcurrency(16), WithRetries(50, time.Hour))...)
			var want []string
			for i := range 5 {
				frame := fmt.Sprintf(`{"event":"e","data":%d}`, i)
				rep, err := b.SendFrame(t.Context(), To("room"), []byte(frame))
				require.NoError(t, err)
				require.Equal(t, 200, rep.Delivered)
				want = append(want, frame)
			}
			require.Len(t, got, 200)
			for id, frames := range got {
				require.Equal(t, want, frames, id)
			}
		})
	}
}
