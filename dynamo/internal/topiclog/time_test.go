package topiclog

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	smithyhttp "github.com/aws/smithy-go/transport/http"
	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/internal/testclock"
	"github.com/gatesock/gatesock/topic"
)

func unanswered() error {
	return &smithyhttp.ResponseError{
		Response: &smithyhttp.Response{Response: &http.Response{StatusCode: http.StatusInternalServerError}},
		Err:      errors.New("internal server error"),
	}
}

// TestAttemptsEnd has a table that does not answer any more. The attempts stay at one offset, and
// end after 5 minutes, or with the context.
func TestAttemptsEnd(t *testing.T) {
	t.Parallel()
	hang := func(ctx context.Context, _ int) error {
		<-ctx.Done()
		return ctx.Err()
	}
	throttled := &types.ProvisionedThroughputExceededException{}
	for name, c := range map[string]struct {
		fault   func(ctx context.Context, n int) error
		key     string
		within  time.Duration // of the context
		after   time.Duration // when it ends, at least
		outcome bool
	}{
		"no answer":                  {hang, "", time.Hour, patience, true},
		"no answer to a transaction": {hang, "k", time.Hour, patience, true},
		"errors of the server":       {func(context.Context, int) error { return unanswered() }, "", time.Hour, patience, true},
		"no answer until the end":    {hang, "", time.Minute, 50 * time.Second, true},
		"throttled":                  {func(context.Context, int) error { return throttled }, "", time.Hour, patience, false},
		"throttled until the end":    {func(context.Context, int) error { return throttled }, "", time.Minute, 50 * time.Second, false},
		"no answer, and throttled after": {func(_ context.Context, n int) error {
			if n == 1 {
				return unanswered()
			}
			return throttled
		}, "", time.Hour, patience, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newTwin()
				log := w.log()
				_, err := log.Append(t.Context(), "room", entryOf(1))
				require.NoError(t, err)
				w.fault, w.writes = c.fault, 0
				ctx, cancel := context.WithTimeout(t.Context(), c.within)
				defer cancel()
				began := time.Now()
				e := entryOf(2)
				e.Key = c.key
				_, err = log.Append(ctx, "room", e)
				require.Error(t, err)
				require.Equal(t, c.outcome, errors.Is(err, topic.ErrOutcome), "%v", err)
				require.GreaterOrEqual(t, time.Since(began), c.after)
				require.LessOrEqual(t, time.Since(began), min(c.within, patience+5*time.Second))
				require.Greater(t, w.writes, 10)

				w.fault = nil
				a, err := log.Append(t.Context(), "room", entryOf(3))
				require.NoError(t, err)
				require.Equal(t, int64(2), a.Offset)
			})
		})
	}
}

// TestInstant checks that time has passed by the wall clock or the monotonic one, whichever says
// more.
func TestInstant(t *testing.T) {
	t.Parallel()
	now := time.Now()
	at := func(clock time.Time) instant { return instant{clock, now} }
	for name, c := range map[string]struct {
		later instant
		want  time.Duration
	}{
		"both go on":                    {instant{now.Add(time.Minute), now.Add(time.Minute)}, time.Minute},
		"frozen":                        {at(testclock.Frozen(now, time.Hour)), time.Hour},
		"the wall clock is set on":      {at(now.Round(0).Add(time.Hour)), time.Hour},
		"the wall clock is set back":    {at(testclock.Frozen(now, -time.Hour).Add(2 * time.Minute)), 2 * time.Minute},
		"a test's clock stands still":   {instant{now.Round(0), now.Add(time.Minute)}, time.Minute},
		"a test's clock without a wait": {at(now), 0},
	} {
		require.Equal(t, c.want, c.later.since(at(now)), name)
	}
}

// TestKnownHeadAges checks that a head is known for 5 minutes.
func TestKnownHeadAges(t *testing.T) {
	t.Parallel()
	for _, age := range []time.Duration{0, patience, patience + time.Second} {
		synctest.Test(t, func(t *testing.T) {
			w := newTwin()
			log := w.log()
			_, err := log.Append(t.Context(), "room", entryOf(1))
			require.NoError(t, err)
			<-time.After(age) // in virtual time
			w.reads = 0
			_, err = log.Append(t.Context(), "room", entryOf(2))
			require.NoError(t, err)
			require.Equal(t, age > patience, w.reads > 0)
		})
	}
}

// TestSignedUntil checks the time until which a put may be signed: the last entry must have a day
// to live then, and the process must not have slept since it looked at the clock.
func TestSignedUntil(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		log := newTwin().log()
		now := time.Now()
		for left, want := range map[time.Duration]struct {
			ok    bool
			until time.Duration
		}{
			9 * 24 * time.Hour:      {true, patience},
			quiet + time.Minute:     {true, time.Minute},
			quiet:                   {true, 0},
			quiet - time.Second:     {false, -time.Second},
			-time.Hour:              {false, -25 * time.Hour},
			quiet + patience + 1000: {true, patience},
		} {
			until, ok := log.signedUntil(&entry{exp: now.Add(left).Unix()})
			require.Equal(t, want.ok, ok, left)
			require.WithinDuration(t, now.Add(want.until), until, 0, left)
		}
	})
}
