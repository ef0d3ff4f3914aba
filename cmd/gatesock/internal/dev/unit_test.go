package dev

import (
	"context"
	"fmt"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/cmd/gatesock/internal/intercept"
	"github.com/gatesock/gatesock/cmd/gatesock/internal/project"
	"github.com/gatesock/gatesock/emulator"
	"github.com/gatesock/gatesock/emulator/runtimeapi"
)

// fakeProcess is a function that answers with its version and the event.
type fakeProcess struct {
	version string
	begun   chan string // if not nil, gets each event, and the function waits for more
	more    chan struct{}
	late    bool
}

func (f *fakeProcess) Invoke(_ context.Context, payload []byte) ([]byte, error) {
	if f.begun != nil {
		f.begun <- string(payload)
		<-f.more
	}
	return []byte(f.version), nil
}

func (f *fakeProcess) Warm(context.Context) error          { return nil }
func (f *fakeProcess) Replace(cfg runtimeapi.Config) error { f.version = cfg.Command[0]; return nil }
func (f *fakeProcess) Close(context.Context) error         { return nil }
func (f *fakeProcess) Activity(string) (runtimeapi.Activity, bool) {
	return runtimeapi.Activity{RequestID: "r1", Late: f.late}, true
}

func newUnit(f *fakeProcess, timeout time.Duration) *unit {
	u := &unit{id: "Chat", proc: f, works: true, requests: newRequests()}
	u.fn.Store(&project.Function{ID: "Chat", Name: "chat", Timeout: timeout})
	return u
}

func message(connection, request string) []byte {
	return fmt.Appendf(nil, `{"requestContext":{"connectionId":%q,"requestId":%q}}`, connection, request)
}

// An event that comes during a build waits for the new code.
func TestUnitWaitsForCode(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := &fakeProcess{version: "old"}
		u := newUnit(f, 3*time.Second)
		got, err := handler{u}.Invoke(t.Context(), message("c", "1"))
		require.NoError(t, err)
		require.Equal(t, "old", string(got))

		u.gate.hold()
		answers := make(chan string, 1)
		go func() {
			got, _ := handler{u}.Invoke(t.Context(), message("c", "2"))
			answers <- string(got)
		}()
		time.Sleep(2 * time.Second) //nolint:forbidigo // the bubble's clock
		require.NoError(t, u.proc.Replace(runtimeapi.Config{Command: []string{"new"}}))
		u.gate.open()
		require.Equal(t, "new", <-answers)
	})
}

// It does not wait for longer than the function's timeout.
func TestUnitGivesUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		u := newUnit(&fakeProcess{}, 3*time.Second)
		u.gate.hold()
		begun := time.Now()
		_, err := handler{u}.Invoke(t.Context(), message("c", "1"))
		require.EqualError(t, err, "the function chat: there was no build of it within its timeout")
		require.Equal(t, 3*time.Second, time.Since(begun))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err = handler{u}.Invoke(ctx, message("c", "2"))
		require.ErrorIs(t, err, context.DeadlineExceeded)
	})
}

// The order is that in which the gateway has read the messages.
func TestUnitKeepsTheOrder(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := &fakeProcess{begun: make(chan string), more: make(chan struct{})}
		u := newUnit(f, time.Minute)
		u.gate.hold()
		for _, id := range []string{"1", "2", "refused", "3"} {
			u.observe(&emulator.Event{Kind: emulator.EventReceived, ConnectionID: "c", RequestID: id})
		}
		u.observe(&emulator.Event{Kind: emulator.EventSent, ConnectionID: "c", RequestID: "refused"})
		for _, id := range []string{"3", "2", "1"} {
			go func() { _, _ = handler{u}.Invoke(t.Context(), message("c", id)) }()
			synctest.Wait()
		}
		u.gate.open()
		for _, id := range []string{"1", "2", "3"} {
			require.Equal(t, string(message("c", id)), <-f.begun)
			f.more <- struct{}{}
		}
		synctest.Wait()
		require.True(t, u.gate.idle())
	})
}

// What leads the requests of an instance here ends with the instance: each has a socket of its own.
func TestInstanceEnds(t *testing.T) {
	t.Parallel()
	proxy, err := intercept.Start(t.Context(), intercept.Config{Folder: t.TempDir()})
	require.NoError(t, err)
	defer func() { require.NoError(t, proxy.Close(context.Background())) }()
	s := &supervisor{proxy: proxy, out: NewPrinter(io.Discard, PrintOptions{})}
	cfg, err := s.functionConfig(t.Context(), &project.Function{ID: "Chat", Name: "chat", Package: "."})
	require.NoError(t, err)
	require.NotNil(t, cfg.InstanceEnd)
	before := cfg.InstanceEnv("chat.1")
	require.Equal(t, before, cfg.InstanceEnv("chat.1"))
	cfg.InstanceEnd("chat.1")
	require.NotEqual(t, before, cfg.InstanceEnv("chat.1"), "it is a new one")
	again, err := s.functionConfig(t.Context(), &project.Function{ID: "Chat", Name: "chat", Package: "."})
	require.NoError(t, err)
	require.True(t, sameConfig(cfg, again))
}
