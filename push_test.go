package gatesock_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
)

func TestPushEncode(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		push gatesock.Push
		want string
	}{
		{gatesock.Push{Event: "message", Topic: "room:1", Data: map[string]any{"text": "a<b"}}, `{"event":"message","topic":"room:1","data":{"text":"a<b"}}`},
		{gatesock.Push{Event: "tick"}, `{"event":"tick","data":null}`},
		{gatesock.Push{Event: "\"", Topic: "\xff"}, `{"event":"\"","topic":"\ufffd","data":null}`},
	} {
		got, err := tt.push.Encode(nil)
		require.NoError(t, err)
		require.Equal(t, tt.want, string(got))
	}
	_, err := gatesock.Push{}.Encode(nil)
	require.EqualError(t, err, "gatesock: push without an event")
	_, err = gatesock.Push{Event: "x", Data: func() {}}.Encode(nil)
	require.ErrorContains(t, err, `gatesock: encoding the data of push "x"`)
}

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

func TestJSONUnmarshalStrict(t *testing.T) {
	t.Parallel()
	var v say
	require.NoError(t, gatesock.JSON{}.UnmarshalStrict([]byte(`{"room":"a"} `), &v))
	require.Error(t, gatesock.JSON{}.UnmarshalStrict([]byte(`{"room":"a"} {}`), &v))
	require.Error(t, gatesock.JSON{}.UnmarshalStrict([]byte(`{"rom":"a"}`), &v))
	b, err := gatesock.JSON{}.Marshal(nil)
	require.NoError(t, err)
	require.Equal(t, "null", string(b))
}
