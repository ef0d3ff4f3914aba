package dynamo_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/conn"
	"github.com/gatesock/gatesock/dynamo"
	"github.com/gatesock/gatesock/internal/dynamotwin"
	"github.com/gatesock/gatesock/internal/testclock"
)

// meanwhile does something in the middle of the first write of a row in a group: before it, or
// after it, with its answer lost.
type meanwhile struct {
	dynamo.API
	group         string
	before, after func()
}

func (m *meanwhile) UpdateItem(
	ctx context.Context, in *dynamodb.UpdateItemInput, o ...func(*dynamodb.Options)) (*dynamodb.UpdateItemOutput, error,
) {
	pk := in.Key["pk"].(*types.AttributeValueMemberS).Value
	if !strings.Contains(pk, "g#"+m.group+"#") {
		return m.API.UpdateItem(ctx, in, o...)
	}
	before, after := m.before, m.after
	m.before, m.after = nil, nil
	if before != nil {
		before()
	}
	out, err := m.API.UpdateItem(ctx, in, o...)
	if after != nil {
		after()
		return nil, errors.Join(status(500), err)
	}
	return out, err
}

// cutOff is where nothing can be deleted, so that a Leave ends when it has written the record.
type cutOff struct{ dynamo.API }

var errCutOff = errors.New("cut off")

func (cutOff) DeleteItem(
	context.Context, *dynamodb.DeleteItemInput, ...func(*dynamodb.Options)) (*dynamodb.DeleteItemOutput, error,
) {
	return nil, errCutOff
}

// Extend beside a call that has written the record and not yet, or not surely, the row of a
// membership.
func TestExtendInTheMiddleOfAnotherCall(t *testing.T) {
	t.Parallel()
	type stores struct{ slow, other, cut *dynamo.Connections }
	for name, c := range map[string]struct {
		call   func(ctx context.Context, s stores) error
		member bool
	}{
		"Join": {func(ctx context.Context, s stores) error { return s.slow.Join(ctx, "a", "room") }, true},
		"Join again": {func(ctx context.Context, s stores) error {
			return errors.Join(s.other.Join(ctx, "a", "room"), s.slow.Join(ctx, "a", "room"))
		}, true},
		"Join, and then Leave": {func(ctx context.Context, s stores) error {
			return errors.Join(s.slow.Join(ctx, "a", "room"), s.other.Leave(ctx, "a", "room"))
		}, false},
		"Join after a Leave that was cut off, whose row is still there": {func(ctx context.Context, s stores) error {
			err := s.other.Join(ctx, "a", "room")
			if left := s.cut.Leave(ctx, "a", "room"); !errors.Is(left, errCutOff) {
				return fmt.Errorf("Leave: %w", left)
			}
			return errors.Join(err, s.slow.Join(ctx, "a", "room"))
		}, true},
		"Put": {func(ctx context.Context, s stores) error {
			now := testclock.Noon()
			return s.slow.Put(ctx, conn.Conn{ID: "b", Groups: []string{"room"}, ConnectedAt: now, ExpiresAt: now.Add(time.Minute)})
		}, true},
	} {
		for _, answered := range []bool{true, false} {
			t.Run(name+map[bool]string{true: ", before the row", false: ", the row's answer lost"}[answered], func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					now := testclock.Noon()
					clock := dynamo.WithClock(func() time.Time { return now })
					table := dynamotwin.New()
					other := dynamo.Open(table, "twin", clock).Connections()
					until := now.Add(time.Hour)
					require.NoError(t, other.Put(t.Context(), conn.Conn{ID: "a", ConnectedAt: now, ExpiresAt: now.Add(time.Minute)}))
					id := map[bool]string{true: "b", false: "a"}[name == "Put"]
					extend := func() {
						_, err := other.Extend(t.Context(), id, until)
						require.NoError(t, err)
					}
					api := &meanwhile{API: table, group: "room", before: extend}
					if !answered {
						api.before, api.after = nil, extend
					}
					slow := dynamo.Open(api, "twin", clock).Connections()
					cut := dynamo.Open(cutOff{table}, "twin", clock).Connections()
					require.NoError(t, c.call(t.Context(), stores{slow, other, cut}))
					now = until.Add(-time.Second)
					require.Equal(t, c.member, listed(t, other, "room"), "up to the new expiry")
					now = until
					require.False(t, listed(t, other, "room"), "from the new expiry on")
				})
			})
		}
	}
}

// listed reports whether anybody is in a group.
func listed(t *testing.T, s *dynamo.Connections, group string) bool {
	t.Helper()
	for _, err := range conn.Members(t.Context(), s, group) {
		require.NoError(t, err)
		return true
	}
	return false
}
