package coalesce_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/broadcast/internal/coalesce"
)

// A frame has the shortest of the times of the posts in it, from the moment that it goes out.
func TestTimeoutOfAFrame(t *testing.T) {
	t.Parallel()
	for _, timeouts := range [][]time.Duration{
		{time.Second},
		{0, time.Second},
		{time.Second, 0},
		{time.Minute, time.Second},
		{time.Second, time.Minute},
	} {
		synctest.Test(t, func(t *testing.T) {
			p := coalesce.New(&wire{takes: time.Hour}, window)
			start := time.Now()
			var calls sync.WaitGroup
			for _, timeout := range timeouts {
				post := p.Prepare([]byte(`{}`), timeout)
				calls.Go(func() {
					if err := post(t.Context(), gatesock.Target{ConnectionID: "a"}); err == nil {
						t.Error("a post without an answer has no error")
					}
				})
			}
			calls.Wait()
			require.Equal(t, window+time.Second, time.Since(start), timeouts)
		})
	}
}

// late answers when the context of a post has ended.
type late struct{ answer error }

func (l late) Post(ctx context.Context, _ gatesock.Target, _ []byte) error {
	<-ctx.Done()
	return l.answer
}

// What the gateway has answered counts, however late; a post that was taken out of its frame has
// not been sent.
func TestAnswerAfterTheEnd(t *testing.T) {
	t.Parallel()
	for _, answer := range []error{nil, gatesock.ErrGone, gatesock.ErrThrottled, fmt.Errorf("wait: %w", gatesock.ErrNotSent)} {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			err := coalesce.New(late{answer}, window).Post(ctx, gatesock.Target{ConnectionID: "a"}, []byte(`{}`))
			require.Equal(t, answer, err)
		})
	}
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), window/2)
		defer cancel()
		p := coalesce.New(late{}, window)
		err := p.Post(ctx, gatesock.Target{ConnectionID: "a"}, []byte(`{}`))
		require.ErrorIs(t, err, gatesock.ErrNotSent)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.ErrorIs(t, p.Post(ctx, gatesock.Target{ConnectionID: "a"}, []byte(`{}`)), gatesock.ErrNotSent)
	})
}
