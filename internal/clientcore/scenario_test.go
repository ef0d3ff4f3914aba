package clientcore

import (
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/internal/topicwire"
)

// scenario is one of testdata/scenarios.json, which clients in other languages follow too. What it
// says holds for all random numbers.
type scenario struct {
	Name   string
	Member bool // it begins as a member of topic a, at offset 5 of epoch 1-x
	Steps  []step
}

// step is one step of a scenario. One of its members is set.
type step map[string]json.RawMessage

func TestScenarios(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("testdata/scenarios.json")
	require.NoError(t, err)
	var all []scenario
	require.NoError(t, json.Unmarshal(text, &all))
	require.NotEmpty(t, all)
	for _, sc := range all {
		t.Run(sc.Name, func(t *testing.T) {
			t.Parallel()
			a := &actor{stage: newStage(t)}
			if sc.Member {
				a.stage = member(t)
			}
			for _, s := range sc.Steps {
				for kind, value := range s {
					a.step(kind, value)
				}
			}
		})
	}
}

// actor follows a scenario.
type actor struct {
	*stage
	last sent
}

func (a *actor) step(kind string, value json.RawMessage) {
	a.t.Helper()
	switch kind {
	case "online":
		a.online()
	case "offline":
		a.Disconnected(a.now, a.conn)
	case "wake":
		a.Wake(a.now)
	case "push":
		a.push(string(value))
	case "pass":
		a.pass(time.Duration(of[int](a, value)) * time.Millisecond)
	case "await":
		a.await(time.Duration(of[int](a, value)) * time.Millisecond)
	case "subscribe":
		o := of[topicwire.Subscription](a, value)
		a.Subscribe(a.now, o.Topic, Options{Since: o.Since, Last: o.Last, Presence: o.Presence, As: o.As})
	case "unsubscribe":
		a.Unsubscribe(a.now, of[string](a, value))
	case "sent":
		a.takes(of[map[string]any](a, value))
	case "reply":
		a.reply(a.last, string(value))
	case "refuse":
		e := of[topicwire.Error](a, value)
		a.refuseFor(a.last, e.Code, int(e.RetryAfterMs))
	case "silent":
		a.quiet()
	case "told":
		require.Equal(a.t, of[[]string](a, value), a.news())
	case "members":
		require.Equal(a.t, of[[]string](a, value), a.present())
	default:
		a.t.Fatalf("there is no step %q", kind)
	}
	a.run()
}

// of decodes the value of a step.
func of[T any](a *actor, value json.RawMessage) (v T) {
	a.t.Helper()
	require.NoError(a.t, json.Unmarshal(value, &v))
	return v
}

// online opens the connection that the client has dialed, or will dial.
func (a *actor) online() {
	before := a.conn
	a.Start(a.now)
	for a.run(); a.conn == before; a.run() {
		due, ok := a.Deadline()
		require.True(a.t, ok)
		a.now = due
		a.Tick(due)
	}
	a.Connected(a.now, a.conn)
}

// await passes time until the client has sent something.
func (a *actor) await(longest time.Duration) {
	a.t.Helper()
	end := a.now.Add(longest)
	for a.run(); len(a.sent) == 0; a.run() {
		due, ok := a.Deadline()
		require.True(a.t, ok && !due.After(end), "nothing was sent")
		a.now = due
		a.Tick(due)
	}
}

// present returns the users whom the user of topic a was told of.
func (a *actor) present() (users []string) {
	for key, u := range a.byName["a"].presence.users {
		if u.shown {
			users = append(users, key[1:])
		}
	}
	slices.Sort(users)
	return users
}

// takes takes the oldest request, which must have the given members.
func (a *actor) takes(want map[string]any) {
	a.t.Helper()
	action, ok := want["action"].(string)
	require.True(a.t, ok)
	a.last = a.take(action)
	var frame any
	require.NoError(a.t, json.Unmarshal([]byte(a.last.raw), &frame))
	require.Equal(a.t, want, common(frame, want))
}

// common returns the part of a value that another one has too.
func common(value, want any) any {
	switch want := want.(type) {
	case map[string]any:
		object, _ := value.(map[string]any)
		part := make(map[string]any)
		for k, w := range want {
			part[k] = common(object[k], w)
		}
		return part
	case []any:
		list, _ := value.([]any)
		part := slices.Clone(list)
		for i := range min(len(list), len(want)) {
			part[i] = common(list[i], want[i])
		}
		return part
	default:
		return value
	}
}

// news returns what the user was told since the last call, but of the members.
func (a *actor) news() []string {
	a.run()
	list := []string{}
	for _, text := range a.told {
		if strings.HasPrefix(text, "joined ") || strings.HasPrefix(text, "left ") {
			continue
		}
		if rest, ok := strings.CutPrefix(text, "failed "); ok {
			_, code, _ := strings.Cut(rest, " ")
			list = append(list, "failed "+code)
		} else {
			list = append(list, text)
		}
	}
	a.told = nil
	return list
}
