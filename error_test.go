package gatesock_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
)

func TestError(t *testing.T) {
	t.Parallel()
	cause := errors.New("disk full")
	err := gatesock.Errorf(gatesock.CodeUnavailable, "history of %q is not available", "lobby").WithCause(cause)
	require.EqualError(t, err, `unavailable: history of "lobby" is not available: disk full`)
	require.ErrorIs(t, err, cause)
	require.Equal(t, gatesock.CodeUnavailable, gatesock.CodeOf(err))
	require.Equal(t, gatesock.CodeInternal, gatesock.CodeOf(cause))
	require.Equal(t, gatesock.Code(""), gatesock.CodeOf(nil))
	require.EqualError(t, &gatesock.Error{Code: gatesock.CodeInternal}, "internal")
}
