package topic

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/conn"
	"github.com/gatesock/gatesock/internal/topicwire"
)

// State configures a state topic, whose subscribers get its last value for each key. The zero State
// is one without filters.
//
// # Filters
//
// A subscription to a topic with Attributes may have a filter. A value has to meet every member of
// its "where":
//
//	{"where": {"room": "kitchen", "kind": ["temperature", "humidity"], "value": {"above": 30}}}
//
// An attribute must equal a string, a number, true or false, or one member of a set, or be within
// thresholds: "above" or "atLeast" a number, "below" or "atMost" one, or both. Numbers are compared
// as 64-bit floating point, as in JavaScript. A value that lacks the attribute does not match. When
// a value ceases to match, the client gets the push "drop".
//
// With "changes", 1 to 16 names of attributes, a client gets no push of a change that leaves all of
// them as they were:
//
//	{"where": {"room": "kitchen"}, "changes": ["status", "battery"]}
//
// It gets a value if one of them differs from the value before, appears or disappears, and if the
// value begins to match, or may have: the store does not always know the value before. What the
// client has of a key is the value at the last such change, or in the last snapshot, which has all
// current values. An attribute that is null, an array or an object counts as absent.
//
// With Sampled a filter may have "everyMs": a whole number from 100 to 60,000. Of each key the
// client then gets at most one push in as many milliseconds, which has the latest value.
//
// A filter has at most 16 conditions, 32 members of a set, and 1,024 bytes without spaces. Clients
// with the same filter share one row in the table, so that each Set costs one read unit for each
// 4 KB of different filters, and a reading of the members for each filter that the value matches.
type State struct {
	// Attributes are the members of a value, a JSON object, that filters may name; at most 32.
	Attributes []string
	// Sampled allows "everyMs" in filters.
	Sampled bool
	// MaxFilters is how many different filters the subscriptions to the topic can have; 0 means
	// 100. A subscription beyond it is refused, unless one has not been used for a minute. If
	// several are made at the same time, there may be a few more.
	MaxFilters int
	// Patience is for how long [Topics.Set] may wait for an interval of "everyMs" to end, within the
	// deadline of its context; 0 means as long as that lasts. If it is negative, Set does not wait:
	// a subscriber for whom a value comes too early gets it, or a later one, with the next call for
	// the key, or by its next sync. Choose that for keys that are set often, by callers that somebody
	// waits for.
	Patience time.Duration
}

const (
	defaultMaxFilters = 100
	maxAttributes     = 32
)

// Validate returns an [ErrInvalid] if an attribute is empty, not UTF-8 or there twice, if there are
// more than 32, or if MaxFilters is negative.
func (s State) Validate() error {
	if len(s.Attributes) > maxAttributes {
		return fmt.Errorf("%w: State: there are %d attributes, the limit is %d", ErrInvalid, len(s.Attributes), maxAttributes)
	}
	for i, name := range s.Attributes {
		if name == "" || !utf8.ValidString(name) || slices.Contains(s.Attributes[:i], name) {
			return fmt.Errorf("%w: State: the attribute %.60q is empty, not UTF-8, or there twice", ErrInvalid, name)
		}
	}
	if s.MaxFilters < 0 {
		return fmt.Errorf("%w: State: MaxFilters is %d, must not be negative", ErrInvalid, s.MaxFilters)
	}
	return nil
}

// filterable reports whether subscriptions may have filters.
func (s State) filterable() bool { return len(s.Attributes) > 0 || s.Sampled }

func (s State) maxFilters() int {
	if s.MaxFilters == 0 {
		return defaultMaxFilters
	}
	return s.MaxFilters
}

// stateSettings are what the options of state topics set.
type stateSettings struct {
	values Values // nil: there are no state topics
	states func(topic string) (State, bool)
}

// WithState makes the topics for which of returns true state topics: they have values by key in
// place of events, which are kept in values. See [Topics.Set].
//
// of must be safe for concurrent use, and must always return the same for a topic, except for its
// limits. A State that is not valid, see [State.Validate], makes Set and subscriptions fail. With
// [WithStream] the handler of the stream pushes values, too. WithState panics if an argument is
// nil.
func WithState(values Values, of func(topic string) (State, bool)) Option {
	if values == nil {
		panic("topic: WithState: values must not be nil")
	}
	if of == nil {
		panic("topic: WithState: of must not be nil")
	}
	return option(func(s *settings) { s.values, s.states = values, of })
}

// isState reports whether a topic is a state topic.
func (s *settings) isState(topic string) bool {
	if s.states == nil {
		return false
	}
	_, ok := s.states(topic)
	return ok
}

// state returns the configuration of a state topic, or an ErrInvalid.
func (s *settings) state(topic string) (State, error) {
	if s.states == nil {
		return State{}, fmt.Errorf("%w: there are no state topics: use WithState", ErrInvalid)
	}
	state, ok := s.states(topic)
	if !ok {
		return State{}, fmt.Errorf("%w: %.100q is an event topic, which has no values: use Publish", ErrInvalid, topic)
	}
	return state, state.Validate()
}

// stateTopicOf returns the topic of a group that belongs to a state topic only: one with a filter.
func stateTopicOf(group string) (topic string, ok bool) {
	_, topic, ok = parseFilteredGroup(group)
	return topic, ok
}

// groupOf returns the group that a subscription joins, or an error for the client if its filter is
// not valid.
func (t *Topics) groupOf(sub topicwire.Subscription) (string, error) {
	if !t.isState(sub.Topic) {
		if f, err := parseFilter(sub.Filter, nil); err != nil || !f.none() {
			return "", gatesock.Errorf(gatesock.CodeInvalidArgument,
				"filters are for state topics, and %q is not one: its subscribers get every event", sub.Topic)
		}
		return Group(sub.Topic), nil
	}
	state, err := t.state(sub.Topic)
	if err != nil {
		return "", misconfigured(err)
	}
	f, err := state.filter(sub)
	if err != nil || f.none() {
		return Group(sub.Topic), err
	}
	return filteredGroup(filterID(f.canonical()), sub.Topic), nil
}

// misconfigured hides the cause from the client: it is the application's.
func misconfigured(err error) error {
	return gatesock.Errorf(gatesock.CodeInternal, "the topic is not configured properly").WithCause(err)
}

// filter parses the filter of a subscription. The error is for the client.
func (s State) filter(sub topicwire.Subscription) (filter, error) {
	f, err := parseFilter(sub.Filter, s.Attributes)
	switch {
	case err != nil:
		return filter{}, gatesock.Errorf(gatesock.CodeInvalidArgument, "%v", err).WithCause(err)
	case f.every > 0 && !s.Sampled:
		return filter{}, gatesock.Errorf(gatesock.CodeInvalidArgument,
			"the filter: %q does not allow everyMs", sub.Topic)
	}
	return f, nil
}

// leaveState ends the membership of a state topic, with whatever filter.
func (t *Topics) leaveState(ctx context.Context, id, topic string) error {
	c, err := t.store.Get(ctx, id)
	if err != nil && !errors.Is(err, conn.ErrNotFound) {
		return err
	}
	if err := t.leaveOthers(ctx, c, id, topic, ""); err != nil {
		return err
	}
	if slices.Contains(c.Groups, Group(topic)) {
		return nil
	}
	return t.store.Leave(ctx, id, Group(topic)) // removes what an interrupted call has left
}

// leaveOthers ends the memberships of a topic that a record names, except that of one group.
func (t *Topics) leaveOthers(ctx context.Context, c conn.Conn, id, topic, except string) error {
	for _, g := range groupsIn(c, topic) {
		if g == except {
			continue
		}
		if err := t.store.Leave(ctx, id, g); err != nil {
			return err
		}
	}
	return nil
}

// syncStates adds the state topics whose counter has moved on to out.Moved.
func (t *Topics) syncStates(ctx context.Context, at []topicwire.SyncTopic, out *topicwire.Synced) error {
	if len(at) == 0 {
		return nil
	}
	names := make([]string, len(at))
	for i, a := range at {
		names[i] = a.Topic
	}
	counters, err := t.values.Counters(ctx, names)
	if err != nil {
		return err
	}
	for i, a := range at {
		if counters[i] != a.Counter {
			out.Moved = append(out.Moved, a.Topic)
		}
	}
	return nil
}
