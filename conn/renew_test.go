package conn_test

import (
	"context"
	"errors"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/conn"
	"github.com/gatesock/gatesock/internal/testclock"
)

// ending returns a handshake whose credential ends some time after the connection began.
func ending(after time.Duration) *gatesock.Request {
	req := connecting()
	req.Authorizer["exp"] = strconv.FormatInt(req.ConnectedAt.Add(after).Unix(), 10)
	return req
}

// member reports whether a connection is in the group that broadcasts read.
func member(t *testing.T, m conn.Store, group string) bool {
	t.Helper()
	for _, err := range conn.Members(t.Context(), m, group) {
		require.NoError(t, err)
		return true
	}
	return false
}

// TestTrackLetsTheRecordExpireWithTheCredential checks that a connection receives nothing after
// the end of its credential.
func TestTrackLetsTheRecordExpireWithTheCredential(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		opts []conn.Option
		exp  time.Duration // after the beginning
		want time.Duration
	}{
		"the credential first":      {nil, time.Hour, time.Hour},
		"the connection first":      {nil, 24 * time.Hour, conn.DefaultTTL},
		"a time to live of its own": {[]conn.Option{conn.WithTTL(time.Minute)}, time.Hour, time.Minute},
		"said by the application": {[]conn.Option{conn.WithExpiry(func(req *gatesock.Request) time.Time {
			return req.ConnectedAt.Add(2 * time.Minute)
		})}, time.Hour, 2 * time.Minute},
		"never, says the application": {[]conn.Option{conn.WithExpiry(func(*gatesock.Request) time.Time {
			return time.Time{}
		})}, time.Hour, conn.DefaultTTL},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			clock := testclock.New(testclock.Noon())
			m := conn.NewMemory(conn.WithClock(clock.Now))
			req := ending(c.exp)
			clock.Set(req.ConnectedAt)
			_, err := conn.Track(m, c.opts...)(accept)(t.Context(), req)
			require.NoError(t, err)
			end := req.ConnectedAt.Add(c.want).Truncate(time.Second)
			clock.Set(end.Add(-time.Second))
			require.True(t, member(t, m, conn.UserGroup("ann")))
			clock.Set(end)
			require.False(t, member(t, m, conn.UserGroup("ann")), "a broadcast reaches an expired credential")
		})
	}
}

func TestTrackRefusesACredentialThatHasEnded(t *testing.T) {
	t.Parallel()
	for exp, code := range map[string]gatesock.Code{
		"0": gatesock.CodeUnauthenticated, "-62135596800": gatesock.CodeUnauthenticated,
		strconv.FormatInt(connecting().ConnectedAt.Unix(), 10): gatesock.CodeUnauthenticated,
		"soon": gatesock.CodeInternal,
	} {
		m := conn.NewMemory()
		req := connecting()
		req.Authorizer["exp"] = exp
		_, err := conn.Track(m)(neverCalled(t))(t.Context(), req)
		require.Equal(t, code, gatesock.CodeOf(err), exp)
		requireNothingLeft(t, m)
	}
}

// TestTrackRefusesACredentialOfLessThanASecond checks that a credential that ends in the second
// in which the connection begins has ended: its record would never exist.
func TestTrackRefusesACredentialOfLessThanASecond(t *testing.T) {
	t.Parallel()
	began := connecting().ConnectedAt.Truncate(time.Second)
	for _, c := range []struct {
		began, ends time.Duration
		accepted    bool
	}{
		{0, 0, false},
		{0, 1, false},
		{0, time.Second - 1, false},
		{0, time.Second, true},
		{time.Second / 2, time.Second - 1, false},
		{time.Second / 2, time.Second, true},
	} {
		m := conn.NewMemory(conn.WithClock(func() time.Time { return began }))
		req := connecting()
		req.ConnectedAt = began.Add(c.began)
		ends := began.Add(c.ends)
		_, err := conn.Track(
			m,
			conn.WithExpiry(func(*gatesock.Request) time.Time { return ends }),
		)(
			accept,
		)(
			t.Context(),
			req,
		)
		if !c.accepted {
			require.Equal(t, gatesock.CodeUnauthenticated, gatesock.CodeOf(err), c)
			requireNothingLeft(t, m)
			continue
		}
		require.NoError(t, err, c)
		require.True(t, member(t, m, conn.UserGroup("ann")), c)
	}
}

// TestRenew checks that a fresh credential extends the record and its groups.
func TestRenew(t *testing.T) {
	t.Parallel()
	clock := testclock.New(testclock.Noon())
	m := conn.NewMemory(conn.WithClock(clock.Now))
	req := ending(time.Hour)
	req.ConnectedAt = req.ConnectedAt.Add(-10 * time.Minute) // it is open for a while when its token is renewed
	clock.Set(req.ConnectedAt)
	track := conn.Track(m)
	_, err := track(accept)(t.Context(), req)
	require.NoError(t, err)
	renew := func(until time.Time) error {
		message := *req
		message.EventType = gatesock.EventMessage
		_, err := track(func(ctx context.Context, _ *gatesock.Request) (*gatesock.Reply, error) {
			tracked, err := conn.Renew(ctx, until)
			require.True(t, tracked)
			return nil, err
		})(t.Context(), &message)
		return err
	}
	began := req.ConnectedAt
	for _, c := range []struct{ until, want time.Duration }{
		{90 * time.Minute, 90 * time.Minute}, {time.Hour, 90 * time.Minute}, {24 * time.Hour, conn.DefaultTTL},
	} {
		require.NoError(t, renew(began.Add(c.until)))
		got, err := m.Get(t.Context(), "c1")
		require.NoError(t, err)
		require.Equal(t, began.Add(c.want).Truncate(time.Second), got.ExpiresAt)
	}
	clock.Set(began.Add(conn.DefaultTTL - time.Second))
	require.True(t, member(t, m, conn.UserGroup("ann")))
	clock.Set(began.Add(conn.DefaultTTL))
	require.Equal(t, gatesock.CodeStaleConnection, gatesock.CodeOf(renew(time.Time{})), "too late")
	tracked, err := conn.Renew(t.Context(), began)
	require.NoError(t, err)
	require.False(t, tracked)
}

func TestTracked(t *testing.T) {
	t.Parallel()
	require.False(t, conn.Tracked(t.Context()))
	_, err := conn.Track(conn.NewMemory())(func(ctx context.Context, _ *gatesock.Request) (*gatesock.Reply, error) {
		require.True(t, conn.Tracked(ctx))
		return nil, nil
	})(t.Context(), connecting())
	require.NoError(t, err)
}

// disconnects records what is closed.
type disconnects struct {
	from []gatesock.Target
	err  error
}

func (d *disconnects) Disconnect(_ context.Context, from gatesock.Target) error {
	d.from = append(d.from, from)
	return d.err
}

func TestCloseExpired(t *testing.T) {
	t.Parallel()
	for _, fails := range []error{nil, gatesock.ErrGone, errors.New("no right to")} {
		clock := testclock.New(testclock.Noon())
		closer := &disconnects{err: fails}
		var told []string
		m := conn.NewMemory(conn.WithClock(clock.Now), conn.WithEnded(conn.CloseExpired(closer,
			func(_ context.Context, c conn.Conn, _ conn.EndCause) { told = append(told, c.ID) })))
		now := clock.Now()
		for _, c := range []conn.Conn{
			{ID: "ends", Endpoint: "https://e", ConnectedAt: now, ExpiresAt: now.Add(time.Hour)},
			{ID: "whole", ConnectedAt: now},
			{ID: "deleted", ConnectedAt: now, ExpiresAt: now.Add(time.Hour)},
		} {
			require.NoError(t, m.Put(t.Context(), c))
		}
		_, err := m.Delete(t.Context(), "deleted")
		require.NoError(t, err)
		clock.Advance(3 * time.Hour)
		require.NoError(t, m.Put(t.Context(), conn.Conn{ID: "next"}))
		require.Equal(t, []gatesock.Target{{ConnectionID: "ends", Endpoint: "https://e"}}, closer.from)
		require.ElementsMatch(t, []string{"deleted", "ends", "whole"}, told)
	}
	require.Panics(t, func() { conn.CloseExpired(nil) })
}

// TestExtendedRecordsDoNotHoldUpTheExpired checks that an extended record does not hide others
// that expire earlier.
func TestExtendedRecordsDoNotHoldUpTheExpired(t *testing.T) {
	t.Parallel()
	clock := testclock.New(testclock.Noon())
	var told []string
	m := conn.NewMemory(
		conn.WithClock(clock.Now),
		conn.WithEnded(func(_ context.Context, c conn.Conn, _ conn.EndCause) {
			told = append(told, c.ID)
		}),
	)
	now := clock.Now()
	for id, ends := range map[string]time.Duration{"extended": time.Minute, "ends": 2 * time.Minute} {
		require.NoError(t, m.Put(t.Context(), conn.Conn{ID: id, ConnectedAt: now, ExpiresAt: now.Add(ends)}))
	}
	_, err := m.Extend(t.Context(), "extended", now.Add(time.Hour))
	require.NoError(t, err)
	clock.Advance(3 * time.Minute)
	require.NoError(t, m.Put(t.Context(), conn.Conn{ID: "next"}))
	require.Equal(t, []string{"ends"}, told)
}
