package wstest_test

import (
	"context"
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/async"
	"github.com/gatesock/gatesock/authz"
	"github.com/gatesock/gatesock/authz/apikey"
	"github.com/gatesock/gatesock/conn"
	"github.com/gatesock/gatesock/fragment"
	"github.com/gatesock/gatesock/internal/observing"
	"github.com/gatesock/gatesock/ratelimit"
	"github.com/gatesock/gatesock/ratelimit/metering"
	"github.com/gatesock/gatesock/topic"
	"github.com/gatesock/gatesock/wstest"
)

var errRefusedCall = errors.New("the call is refused")

// refusingCalls refuses each call, and keeps their names.
type refusingCalls struct{ names []string }

func (r *refusingCalls) BeginCall(_ context.Context, c observing.Call) (func(observing.Units), error) {
	r.names = append(r.names, c.Name)
	return nil, errRefusedCall
}

func (*refusingCalls) Metering() bool { return false }
func (*refusingCalls) Over() bool     { return false }

// Every method of the stores in memory, and of the recorder, that takes a context is one call: a
// process can end before it, and then it does nothing.
func TestEveryMethodOfTheStoresInMemoryIsACall(t *testing.T) {
	t.Parallel()
	for prefix, store := range map[string]any{
		"conn.": conn.NewMemory(), "topic.": topic.NewMemory(), "apikey.": apikey.NewMemory(),
		"authz.": authz.NewMemoryTickets(), "authz. ": authz.NewMemoryRenewals(),
		"ratelimit.": ratelimit.NewMemory(), "metering.": metering.NewMemory(), "fragment.": fragment.NewMemory(),
		"async.": async.NewMemoryOutcomes(), "async. ": async.NewMemoryQueue(), "": wstest.NewRecorder(),
	} {
		v, n := reflect.ValueOf(store), 0
		for i := range v.NumMethod() {
			method, name := v.Method(i), v.Type().Method(i).Name
			if is, err := callWithContext(t, method, strings.TrimSpace(prefix), name); is {
				n++
				require.ErrorIs(t, err, errRefusedCall, "%s%s", prefix, name)
			}
		}
		require.Positive(t, n, prefix)
	}
}

// callWithContext calls a method that takes a context and returns an error, if it is one, with zero
// values for the other parameters.
func callWithContext(t *testing.T, method reflect.Value, prefix, name string) (is bool, err error) {
	t.Helper()
	kind := method.Type()
	if kind.NumIn() == 0 || kind.In(0) != reflect.TypeFor[context.Context]() || kind.NumOut() == 0 ||
		kind.Out(kind.NumOut()-1) != reflect.TypeFor[error]() {
		return false, nil
	}
	calls := new(refusingCalls)
	in := []reflect.Value{reflect.ValueOf(context.WithValue(t.Context(), observing.CallsKey{}, calls))}
	for i := 1; i < kind.NumIn(); i++ {
		if !kind.IsVariadic() || i < kind.NumIn()-1 {
			in = append(in, reflect.Zero(kind.In(i)))
		}
	}
	out := method.Call(in)
	require.Len(t, calls.names, 1, name)
	require.True(t, strings.HasPrefix(calls.names[0], prefix+name), calls.names[0])
	err, _ = out[len(out)-1].Interface().(error)
	return true, err
}

// Over sockets a client sees what it would see on AWS, and does not send again by itself.
func TestACrashOverSockets(t *testing.T) {
	t.Parallel()
	wstest.CrashEvery(t, func(t *testing.T, crash *wstest.Crash) {
		b := newBistro()
		s := wstest.NewServer(t, crash.Handler(t, func() lambda.Handler { return waiter{}.app(b) }), wstest.WithPoster(b.rec))
		guest, refused := (*wstest.Client)(nil), 0
		if strings.Contains(t.Name(), "$connect") {
			refused = s.DialRefused(t)
		}
		guest = s.Dial(t)
		call := guest.Request("order", order{Key: "k1", Item: "soup"})
		if strings.Contains(t.Name(), "of_order") {
			guest.ExpectFrame(`{"message": "Internal server error", …}`)
			call = guest.Request("order", order{Key: "k1", Item: "soup"})
		}
		call.ExpectAck()
		guest.ExpectNone()
		require.Equal(t, strings.Contains(t.Name(), "/crash"), crash.Happened())
		require.True(t, refused == 0 || refused >= 500, refused)
		require.Len(t, b.orders, 1)
	})
}
