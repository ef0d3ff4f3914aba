package apigw_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/apigw"
	"github.com/stretchr/testify/require"
)

// The error of a refusal whose body is cut off matches the refusal, and names what cut it off,
// over every transport.
func TestRefusalCutOff(t *testing.T) {
	t.Parallel()
	why := errors.New("the operator said stop")
	for _, end := range []struct {
		name    string
		context func(ctx context.Context) (context.Context, context.CancelFunc)
		timeout time.Duration
		is      error
		isNot   []error
	}{
		{"cancelled", func(ctx context.Context) (context.Context, context.CancelFunc) {
			ctx, cancel := context.WithCancel(ctx)
			time.AfterFunc(time.Second, cancel)
			return ctx, cancel
		}, time.Hour, context.Canceled, []error{context.DeadlineExceeded}},
		{"cancelled for a reason", func(ctx context.Context) (context.Context, context.CancelFunc) {
			ctx, cancel := context.WithCancelCause(ctx)
			time.AfterFunc(time.Second, func() { cancel(why) })
			return ctx, func() { cancel(nil) }
		}, time.Hour, why, []error{context.DeadlineExceeded, context.Canceled}},
		{"the caller's deadline", func(ctx context.Context) (context.Context, context.CancelFunc) {
			return context.WithTimeout(ctx, time.Second)
		}, time.Hour, context.DeadlineExceeded, []error{context.Canceled}},
		{"the call's own time", context.WithCancel, time.Second, context.DeadlineExceeded, []error{context.Canceled}},
	} {
		for status, want := range map[int]error{410: gatesock.ErrGone, 500: nil} {
			t.Run(end.name+", "+http.StatusText(status), func(t *testing.T) {
				t.Parallel()
				virtually(t, func(rw http.ResponseWriter, r *http.Request) {
					rw.Header().Set("Content-Length", "100")
					rw.WriteHeader(status)
					_, _ = io.WriteString(rw, "half an answer")
					_ = http.NewResponseController(rw).Flush()
					<-r.Context().Done()
					panic(http.ErrAbortHandler)
				}, func(t *testing.T, w way, c client) {
					ctx, cancel := end.context(t.Context())
					defer cancel()
					err := c.Post(ctx, to, []byte("x"))
					require.ErrorContains(t, err, "StatusCode: "+strconv.Itoa(status))
					require.Equal(t, want != nil, errors.Is(err, gatesock.ErrGone), "%v", err)
					if w.name != "SDK" { // It says what net/http happens to see first.
						require.ErrorIs(t, err, end.is)
					}
					for _, other := range append(end.isNot, gatesock.ErrNotSent, apigw.ErrTimeout) {
						require.NotErrorIs(t, err, other)
					}
				}, apigw.WithTimeout(end.timeout))
			})
		}
	}
}
