package conn_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/conn"
)

// TestTrackKeepsTheAuthorizersValuesApart checks that the authorizer's values have names that no
// application can set.
func TestTrackKeepsTheAuthorizersValuesApart(t *testing.T) {
	t.Parallel()
	m := conn.NewMemory()
	_, err := conn.Track(m)(accept)(t.Context(), connecting())
	require.NoError(t, err)
	c, err := m.SetAttributes(t.Context(), "c1", map[string]string{"tenant": "mine"})
	require.NoError(t, err)
	require.Equal(t, map[string]string{"tenant": "mine", conn.AuthorizerPrefix + "tenant": "t1"}, c.Attributes)
	require.ErrorIs(
		t,
		conn.ValidateAttributes(map[string]string{conn.AuthorizerPrefix + "x": ""}, nil),
		conn.ErrInvalid,
	)
	require.ErrorContains(t, conn.ValidateAttributes(nil, []string{conn.AuthorizerPrefix + "x"}), `"auth.x"`)
}

func TestTrackRefusesReservedAttributes(t *testing.T) {
	t.Parallel()
	m := conn.NewMemory()
	_, err := conn.Track(m, conn.WithAttributes(func(*gatesock.Request) map[string]string {
		return map[string]string{conn.AuthorizerPrefix + "roles": "admin"}
	}))(neverCalled(t))(t.Context(), connecting())
	require.Equal(t, gatesock.CodeInternal, gatesock.CodeOf(err))
	require.ErrorIs(t, err, conn.ErrInvalid)
	require.ErrorContains(t, err, `"auth.roles"`)
	requireNothingLeft(t, m)
}
