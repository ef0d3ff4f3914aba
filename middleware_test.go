package gatesock_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
)

func TestCodesOfErrors(t *testing.T) {
	t.Parallel()
	unavailable := gatesock.Errorf(gatesock.CodeUnavailable, "the history is not available")
	for _, tt := range []struct {
		name string
		err  error
		want gatesock.Code
	}{
		{"deadline", context.DeadlineExceeded, gatesock.CodeDeadlineExceeded},
		{"wrapped deadline", fmt.Errorf("query: %w", context.DeadlineExceeded), gatesock.CodeDeadlineExceeded},
		{"deadline of a socket", fmt.Errorf("read: %w", os.ErrDeadlineExceeded), gatesock.CodeDeadlineExceeded},
		{"deadline and cancellation", errors.Join(context.Canceled, context.DeadlineExceeded), gatesock.CodeDeadlineExceeded},
		{"an *Error caused by a deadline", unavailable.WithCause(context.DeadlineExceeded), gatesock.CodeUnavailable},
		{"an *Error beside a deadline", errors.Join(context.DeadlineExceeded, unavailable), gatesock.CodeUnavailable},
		{"cancellation", context.Canceled, gatesock.CodeInternal},
		{"an *Error without a code", &gatesock.Error{Message: "no luck"}, gatesock.CodeInternal},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, tt.want, gatesock.CodeOf(tt.err))
			var log bytes.Buffer
			r := gatesock.New(gatesock.WithLogger(slog.New(slog.NewTextHandler(&log, nil))))
			gatesock.Handle(r, "say", func(context.Context, *gatesock.Request, say) error { return tt.err })
			got := errorOf(t, frame(t, r, message("say", `{}`)))
			require.Equal(t, tt.want, got.Code)
			require.NotContains(t, got.Message, "context", "the cause is for the log")
			require.Contains(t, log.String(), "level=ERROR")
			require.Contains(t, log.String(), slogQuoted(tt.err.Error()))
		})
	}
}

// slogQuoted returns the first line of s, which slog's text handler writes unchanged, quoted or
// not.
func slogQuoted(s string) string {
	first, _, _ := strings.Cut(s, "\n")
	return first
}

// wireError is the error of an error frame.
type wireError struct {
	Code    gatesock.Code
	Message string
}

func errorOf(t *testing.T, frame string) wireError {
	t.Helper()
	var got struct{ Error wireError }
	require.NoError(t, json.Unmarshal([]byte(frame), &got), frame)
	return got.Error
}

// TestTimeout has handlers that respect their context. Time is virtual.
func TestTimeout(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name    string
		timeout time.Duration
		lambda  time.Duration // until Lambda's deadline; 0: none
		handler func(ctx context.Context) error
		want    string // the code, empty for a reply
		after   time.Duration
	}{
		{"returns in time", 5 * time.Second, 0, sleepFor(4 * time.Second), "", 4 * time.Second},
		{"waits for its context", 5 * time.Second, 0, waitFor, "deadline_exceeded", 5 * time.Second},
		{"hides its context's error", 5 * time.Second, 0, func(ctx context.Context) error {
			return fmt.Errorf("query failed: %v", waitFor(ctx)) //nolint:errorlint // that it hides the error is the case
		}, "deadline_exceeded", 5 * time.Second},
		{"says so in its own words", 5 * time.Second, 0, func(ctx context.Context) error {
			return gatesock.Errorf(gatesock.CodeUnavailable, "no history").WithCause(waitFor(ctx))
		}, "unavailable", 5 * time.Second},
		{"fails before", 5 * time.Second, 0, func(context.Context) error { return errors.New("broken") }, "internal", 0},
		{"ends before Lambda does", 20 * time.Second, 3 * time.Second, waitFor, "deadline_exceeded", 2700 * time.Millisecond},
		{"leaves Lambda a second at the most", 28 * time.Second, 25 * time.Second, waitFor, "deadline_exceeded", 24 * time.Second},
		{"is late with a success", 5 * time.Second, 0, sleepFor(6 * time.Second), "", 6 * time.Second},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				r := gatesock.New(quiet())
				r.Use(gatesock.Recover(), gatesock.Timeout(tt.timeout))
				gatesock.Handle(r, "say", func(ctx context.Context, _ *gatesock.Request, _ say) error { return tt.handler(ctx) })
				ctx := t.Context()
				if tt.lambda > 0 {
					var cancel context.CancelFunc
					ctx, cancel = context.WithTimeout(ctx, tt.lambda)
					defer cancel()
				}
				began := time.Now()
				out, err := r.Invoke(ctx, message("say", `{"id":"1"}`))
				require.NoError(t, err)
				require.Equal(t, tt.after, time.Since(began))
				if tt.want == "" {
					require.Contains(t, string(out), `\"data\":null`)
				} else {
					require.Contains(t, string(out), `\"code\":\"`+tt.want+`\"`)
				}
			})
		})
	}
}

func waitFor(ctx context.Context) error {
	<-ctx.Done()
	return context.Cause(ctx)
}

func sleepFor(d time.Duration) func(context.Context) error {
	return func(context.Context) error {
		<-time.After(d)
		return nil
	}
}

// TestTimeoutNamesHandlersThatIgnoreIt checks that the log names handlers that return too late.
func TestTimeoutNamesHandlersThatIgnoreIt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		r := gatesock.New(gatesock.WithLogger(slog.New(slog.NewTextHandler(&log, nil))))
		r.Use(gatesock.Timeout(5 * time.Second))
		nested := gatesock.New(gatesock.WithLogger(slog.New(slog.NewTextHandler(&log, nil))))
		nested.Use(gatesock.Timeout(5 * time.Second))
		gatesock.Handle(r, "deaf", func(context.Context, *gatesock.Request, say) error {
			<-time.After(40 * time.Second)
			return nil
		})
		gatesock.Handle(r, "prompt", func(ctx context.Context, _ *gatesock.Request, _ say) error { return waitFor(ctx) })
		frame(t, r, message("prompt", `{}`))
		ended, cancel := context.WithDeadline(t.Context(), time.Now().Add(-time.Minute)) // not the fault of a handler
		defer cancel()
		_, err := r.Invoke(ended, message("prompt", `{}`))
		require.NoError(t, err)
		require.NotContains(t, log.String(), "level=WARN")
		require.Equal(t, `{"id":"1","action":"deaf","data":null}`, frame(t, r, message("deaf", `{"id":"1"}`)))
		require.Contains(t, log.String(), "level=WARN")
		require.Contains(t, log.String(), "handledBy=deaf")
		require.Contains(t, log.String(), "late=35s")

		gatesock.Handle(nested, "slow", func(context.Context, *gatesock.Request, say) error {
			<-time.After(8 * time.Second)
			return errors.New("broken")
		}, gatesock.WithMiddleware(gatesock.Timeout(time.Second)))
		frame(t, nested, message("slow", `{}`))
		require.Contains(t, log.String(), "late=7s", "the innermost time counts")
	})
}

// TestTimeoutBlamesNoDeadlineForACancellation checks that a canceled context is an internal error.
func TestTimeoutBlamesNoDeadlineForACancellation(t *testing.T) {
	t.Parallel()
	r := gatesock.New(quiet())
	r.Use(gatesock.Timeout(5 * time.Second))
	ctx, cancel := context.WithCancel(t.Context())
	gatesock.Handle(r, "say", func(context.Context, *gatesock.Request, say) error {
		cancel()
		return errors.New("broken")
	})
	out, err := r.Invoke(ctx, message("say", `{}`))
	require.NoError(t, err)
	require.Contains(t, string(out), `\"code\":\"internal\"`)
}

func TestWrongTimeoutsPanic(t *testing.T) {
	t.Parallel()
	for d, want := range map[time.Duration]string{
		0:                `gatesock: Timeout(0s) at %s: d must be above zero and below 29s, after which the gateway itself answers`,
		29 * time.Second: `gatesock: Timeout(29s) at %s: d must be above zero and below 29s, after which the gateway itself answers`,
	} {
		func() {
			defer func() {
				require.Regexp(t, strings.ReplaceAll(sitePattern(want), "register_test", "middleware_test"), fmt.Sprint(recover()))
			}()
			gatesock.Timeout(d)
		}()
	}
}

// TestLogNamesWhoAndWhat has an API whose only route is $default, so that the route key does not
// help.
func TestLogNamesWhoAndWhat(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	r := gatesock.New(gatesock.WithLogger(slog.New(slog.NewJSONHandler(&log, nil))))
	gatesock.Handle(r, "say", func(context.Context, *gatesock.Request, say) error { return errors.New("broken") })
	invoke(t, r, []byte(`{"requestContext":{"routeKey":"$default","eventType":"MESSAGE","connectionId":"a","requestId":"b",
		"authorizer":{"principalId":"ann"}},"body":"{\"action\":\"say\"}"}`))
	var line map[string]any
	require.NoError(t, json.Unmarshal(log.Bytes(), &line), log.String())
	delete(line, "time")
	require.Equal(t, map[string]any{
		"level": "ERROR", "msg": "gatesock: handler failed", "routeKey": "$default", "handledBy": "say", "connectionId": "a",
		"principalId": "ann", "requestId": "b", "code": "internal", "error": "broken",
	}, line)
	log.Reset()
	invoke(t, r, message("say", `{}`))
	require.NotContains(t, log.String(), "principalId")
}
