package conn_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/conn"
)

// TestTrackTellsWhoIsNotRegisteredAnyMore checks that a client whose record was removed while its
// connection is open learns it from the first call that looks up the record.
func TestTrackTellsWhoIsNotRegisteredAnyMore(t *testing.T) {
	t.Parallel()
	m := conn.NewMemory()
	require.NoError(t, m.Put(t.Context(), conn.Conn{ID: "other"}))
	for name, c := range map[string]struct {
		handler func(ctx context.Context, id string) error
		want    gatesock.Code
	}{
		"joins": {func(ctx context.Context, id string) error { return m.Join(ctx, id, "g") }, gatesock.CodeStaleConnection},
		"looks itself up": {func(ctx context.Context, id string) error {
			_, err := m.Get(ctx, id)
			return fmt.Errorf("who am I: %w", err)
		}, gatesock.CodeStaleConnection},
		"sets attributes": {func(ctx context.Context, id string) error {
			_, err := m.SetAttributes(ctx, id, map[string]string{"k": "v"})
			return err
		}, gatesock.CodeStaleConnection},
		"looks up another and itself": {func(ctx context.Context, id string) error {
			_, other := m.Get(ctx, "unknown")
			_, own := m.Get(ctx, id)
			return fmt.Errorf("both: %w", errors.Join(other, fmt.Errorf("and: %w", own)))
		}, gatesock.CodeStaleConnection},
		"looks another up": {func(ctx context.Context, _ string) error {
			_, err := m.Get(ctx, "unknown")
			return err
		}, gatesock.CodeInternal},
		"says it in its own words": {func(ctx context.Context, id string) error {
			return gatesock.Errorf(gatesock.CodeNotFound, "who are you").WithCause(m.Join(ctx, id, "g"))
		}, gatesock.CodeNotFound},
		"is registered": {func(ctx context.Context, _ string) error { return m.Join(ctx, "other", "g") }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, kind := range []gatesock.EventType{gatesock.EventMessage, gatesock.EventConnect} {
				req := connecting()
				req.EventType, req.ConnectionID = kind, "mine "+name
				_, err := conn.Track(m)(func(ctx context.Context, req *gatesock.Request) (*gatesock.Reply, error) {
					if kind == gatesock.EventConnect { // a broadcast finds it gone, as it is not open yet
						_, err := m.Delete(ctx, req.ConnectionID)
						require.NoError(t, err)
					}
					return nil, c.handler(ctx, req.ConnectionID)
				})(t.Context(), req)
				require.Equal(t, c.want, gatesock.CodeOf(err), "%v", err)
			}
		})
	}
	require.Equal(t, http.StatusGone, gatesock.CodeStaleConnection.HTTPStatus())
}
