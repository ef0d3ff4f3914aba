package topictest

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/topic"
)

// remote is a store in memory whose answers can be lost as if it were elsewhere. Each of its calls
// makes one request, which is made again if it has no answer.
type remote struct {
	*topic.Memory

	fails   bool // it is an error if there is no answer
	itself  bool // what the first attempt has stored is taken for what was before
	arrives bool // a late request is carried out
	turns   int  // how often a turn without an answer is asked for

	// forgets means that a call without an answer does not know its own value, and reports that
	// another was faster; and twice, that it then replaces what it finds.
	forgets, twice bool
	versions       bool // it takes whatever is newer for its own value
}

func (r remote) harness(testing.TB, func() time.Time) ValuesHarness {
	return ValuesHarness{Values: []topic.Values{r.Memory, r.Memory}, Lose: r.lose, Late: r.late}
}

func (r remote) lose(n int, meanwhile func()) (topic.Values, func() bool) {
	lost := func() bool { return n == 1 }
	if n > 1 {
		return r.Memory, lost
	}
	return &altered{
		Values: r.Memory,
		store: func(ctx context.Context, name, key string, data json.RawMessage) (topic.Stored, error) {
			if _, err := r.StoreValue(ctx, name, key, data); err != nil || r.fails {
				return topic.Stored{}, errors.Join(err, errors.New("no answer"))
			}
			meanwhile()
			s, err := r.StoreValue(ctx, name, key, data)
			if s.BeforeUnknown = true; r.itself {
				s.BeforeUnknown, s.Before = false, data
			}
			return s, err
		},
		replace: func(ctx context.Context, name, key string, version int64, data json.RawMessage) (topic.Stored, error) {
			s, err := r.ReplaceValue(ctx, name, key, version, data)
			if err != nil {
				return s, err
			}
			if meanwhile != nil {
				meanwhile()
			}
			v, err := r.GetValue(ctx, name, key)
			switch {
			case r.forgets:
				return topic.Stored{}, topic.ErrChanged
			case r.twice:
				return r.ReplaceValue(ctx, name, key, v.Version, data)
			case r.versions:
				s.Version = v.Version
			}
			s.BeforeUnknown = true
			return s, err
		},
		raise: func(ctx context.Context, name string) (int64, error) {
			if _, err := r.RaiseCounter(ctx, name); err != nil || r.fails {
				return 0, errors.Join(err, errors.New("no answer"))
			}
			return r.RaiseCounter(ctx, name)
		},
		take: func(ctx context.Context, t topic.Turn) (taken topic.Taken, err error) {
			for range r.turns {
				taken, err = r.TakeTurn(ctx, t)
			}
			return taken, err
		},
	}, lost
}

func (r remote) late(n int) (topic.Values, func() bool) {
	var again func()
	values := &altered{
		Values: r.Memory,
		store: func(ctx context.Context, name, key string, data json.RawMessage) (topic.Stored, error) {
			again = func() { _, _ = r.StoreValue(ctx, name, key, data) }
			return r.StoreValue(ctx, name, key, data)
		},
		replace: func(ctx context.Context, name, key string, version int64, data json.RawMessage) (topic.Stored, error) {
			again = func() { _, _ = r.StoreValue(ctx, name, key, data) }
			return r.ReplaceValue(ctx, name, key, version, data)
		},
	}
	return values, func() bool {
		if n == 1 && r.arrives {
			again()
		}
		return n == 1
	}
}

// A store that is elsewhere fails the checks that lose its answers if it does not cope.
func TestBrokenAnswersOfValues(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		remote remote
		fails  []string
	}{
		"copes":                            {remote{turns: 1}, nil},
		"fails":                            {remote{turns: 1, fails: true}, []string{"value-answer-lost", "counter-answer-lost"}},
		"takes itself for what was before": {remote{turns: 1, itself: true}, []string{"value-answer-lost"}},
		"writes again when it is late":     {remote{turns: 1, arrives: true}, []string{"value-late", "replace-late"}},
		"takes its own value for another":  {remote{turns: 1, forgets: true}, []string{"replace-answer-lost", "replace-overtaken"}},
		"replaces its own value":           {remote{turns: 1, twice: true}, []string{"replace-answer-lost", "replace-overtaken"}},
		"takes what is newer for its own":  {remote{turns: 1, versions: true}, []string{"replace-overtaken"}},
		"believes that another pushes":     {remote{turns: 3}, []string{"turn-answer-lost"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var failed []string
			for _, p := range slices.Concat(valueAnswerChecks(), replaceAnswerChecks()) {
				newHarness := NewValuesHarness(func(_ testing.TB, now func() time.Time) ValuesHarness {
					r := c.remote
					r.Memory = topic.NewMemory(topic.WithMemoryClock(now))
					return r.harness(t, now)
				})
				err := p.test(t, newHarness.open)
				if err != nil {
					failed = append(failed, p.name)
				}
			}
			require.ElementsMatch(t, c.fails, failed)
		})
	}
}

func TestValuesHarnessIsChecked(t *testing.T) {
	t.Parallel()
	m := topic.NewMemory()
	for _, h := range []ValuesHarness{
		{}, {Values: []topic.Values{m}}, {Values: []topic.Values{m, m}}, {Values: []topic.Values{m, m}, InProcess: true},
	} {
		require.Error(t, h.validate())
	}
}
