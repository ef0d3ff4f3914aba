package coalesce_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/broadcast/internal/coalesce"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const window = 20 * time.Millisecond

// wire keeps the frames, and answers after a time.
type wire struct {
	mu     sync.Mutex
	frames []string
	takes  time.Duration
	err    error
	panics bool
}

func (w *wire) Post(ctx context.Context, to gatesock.Target, data []byte) error {
	w.mu.Lock()
	w.frames = append(w.frames, to.ConnectionID+" "+string(data))
	w.mu.Unlock()
	if w.panics {
		panic("boom")
	}
	select {
	case <-time.After(w.takes):
		return w.err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// post is a post at a time. postAll makes all of them, and returns their errors.
type post struct {
	at      time.Duration
	to      string
	message string
	limit   time.Duration // 0: none
}

func postAll(p gatesock.Poster, posts []post) []error {
	errs := make([]error, len(posts))
	var wg sync.WaitGroup
	for i, x := range posts {
		wg.Go(func() {
			<-time.After(x.at) // virtual time: when the post is made.
			ctx := context.Background()
			if x.limit > 0 {
				var cancel context.CancelFunc
				ctx, cancel = context.WithTimeout(ctx, x.limit)
				defer cancel()
			}
			errs[i] = p.Post(ctx, gatesock.Target{ConnectionID: x.to}, []byte(x.message))
		})
	}
	wg.Wait()
	return errs
}

func TestGathering(t *testing.T) {
	t.Parallel()
	big := func(n int) string { return `{"a":"` + strings.Repeat("x", n-8) + `"}` }
	const ms = time.Millisecond
	for name, c := range map[string]struct {
		posts  []post
		frames []string
	}{
		"alone":    {[]post{{0, "a", `{"n":1}`, 0}}, []string{`a {"n":1}`}},
		"together": {[]post{{0, "a", `{"n":1}`, 0}, {5 * ms, "a", `{"n":2}`, 0}, {19 * ms, "a", ` {"n":3}`, 0}}, []string{`a [{"n":1},{"n":2}, {"n":3}]`}},
		"too late": {[]post{{0, "a", `{"n":1}`, 0}, {21 * ms, "a", `{"n":2}`, 0}}, []string{`a {"n":1}`, `a {"n":2}`}},
		"others":   {[]post{{0, "a", `{"n":1}`, 0}, {1 * ms, "b", `{"n":2}`, 0}}, []string{`a {"n":1}`, `b {"n":2}`}},
		"no object": {
			[]post{{0, "a", `{"n":1}`, 0}, {1 * ms, "a", `[1]`, 0}, {2 * ms, "a", `{x`, 0}, {3 * ms, "a", ` `, 0}},
			[]string{`a [1]`, `a {x`, `a  `, `a {"n":1}`},
		},
		"empty":         {[]post{{0, "a", "", 0}}, []string{`a `}},
		"withdrawn":     {[]post{{0, "a", `{"n":1}`, 5 * ms}, {1 * ms, "a", `{"n":2}`, 0}}, []string{`a {"n":2}`}},
		"all withdrawn": {[]post{{0, "a", `{"n":1}`, 5 * ms}, {1 * ms, "a", `{"n":2}`, 5 * ms}}, nil},
		"exactly full": {
			[]post{{0, "a", big(65536), 0}, {1 * ms, "a", big(65533), 0}},
			[]string{"a [" + big(65536) + "," + big(65533) + "]"},
		},
		"one byte too many": {[]post{{0, "a", big(65536), 0}, {1 * ms, "a", big(65534), 0}}, []string{"a " + big(65536), "a " + big(65534)}},
		"fills it alone":    {[]post{{0, "a", big(131072), 0}}, []string{"a " + big(131072)}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := &wire{}
				for i, err := range postAll(coalesce.New(w, window), c.posts) {
					if gives := c.posts[i].limit; gives > 0 {
						require.ErrorIs(t, err, context.DeadlineExceeded)
					} else {
						require.NoError(t, err)
					}
				}
				require.Equal(t, c.frames, w.frames)
			})
		})
	}
}

// A caller that goes while the frame is on its way leaves it to the others; the last one cancels
// it.
func TestCallersThatGo(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := &wire{takes: time.Second}
		start := time.Now()
		errs := postAll(coalesce.New(w, window), []post{{0, "a", `{}`, 500 * time.Millisecond}, {0, "a", `{}`, 0}})
		require.ErrorIs(t, errs[0], context.DeadlineExceeded)
		require.NoError(t, errs[1])
		require.Equal(t, window+time.Second, time.Since(start))

		start = time.Now()
		errs = postAll(coalesce.New(w, window),
			[]post{{0, "a", `{}`, 500 * time.Millisecond}, {0, "a", `{}`, 600 * time.Millisecond}})
		require.ErrorIs(t, errs[0], context.DeadlineExceeded)
		require.ErrorIs(t, errs[1], context.DeadlineExceeded)
		require.Equal(t, 600*time.Millisecond, time.Since(start))
	})
}

func TestErrorsReachAll(t *testing.T) {
	t.Parallel()
	for _, w := range []*wire{{err: gatesock.ErrGone}, {panics: true}} {
		synctest.Test(t, func(t *testing.T) {
			for _, err := range postAll(coalesce.New(w, window), []post{{0, "a", `{}`, 0}, {0, "a", `{}`, 0}}) {
				require.Error(t, err)
				require.Equal(t, w.panics, strings.Contains(err.Error(), "panic while posting: boom"))
				require.Equal(t, !w.panics, errors.Is(err, gatesock.ErrGone))
			}
		})
	}
}

// Each message is in one frame, no frame is too large, and messages that are posted one after the
// other arrive in that order.
func TestNothingIsLost(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		size := rapid.SampledFrom([]int{0, 10, 30_000, 70_000}).Draw(rt, "size")
		perCaller := rapid.SliceOfN(rapid.IntRange(1, 6), 1, 6).Draw(rt, "callers")
		pause := rapid.SliceOfN(rapid.IntRange(0, 30), 1, 10).Draw(rt, "pauses")
		w := &wire{takes: time.Duration(rapid.IntRange(0, 30).Draw(rt, "takes")) * time.Millisecond}
		synctest.Test(t, func(t *testing.T) {
			p := coalesce.New(w, window)
			var wg sync.WaitGroup
			for c, n := range perCaller {
				wg.Go(func() {
					for i := range n {
						<-time.After(time.Duration(pause[(c+i)%len(pause)]) * time.Millisecond) // virtual time
						m := fmt.Sprintf(`{"c":%d,"i":%d,"x":%q}`, c, i, strings.Repeat("x", size))
						require.NoError(t, p.Post(t.Context(), gatesock.Target{ConnectionID: "a"}, []byte(m)))
					}
				})
			}
			wg.Wait()
		})
		got := make([]int, len(perCaller))
		for _, f := range w.frames {
			f = strings.TrimPrefix(f, "a ")
			require.LessOrEqual(rt, len(f), gatesock.MaxMessageSize)
			if f[0] == '{' {
				f = "[" + f + "]"
			}
			var messages []struct{ C, I int }
			require.NoError(rt, json.Unmarshal([]byte(f), &messages))
			for _, m := range messages {
				require.Equal(rt, got[m.C], m.I)
				got[m.C]++
			}
		}
		require.Equal(rt, perCaller, got)
	})
}
