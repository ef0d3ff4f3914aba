package topictest

import (
	"context"
	"fmt"

	"github.com/gatesock/gatesock/topic"
)

func valueAnswerChecks() []promise[*valuesFixture] {
	return []promise[*valuesFixture]{
		{"value-answer-lost", "a value whose store did not answer is stored, before the call returns", checkValueAnswerLost},
		{"value-late", "a request that arrives after its call has returned does not replace what came later", checkValueLate},
		{"counter-answer-lost", "a counter whose store did not answer has grown", checkCounterAnswerLost},
		{"turn-answer-lost", "a turn whose store did not answer is taken, or somebody waits for it", checkTurnAnswerLost},
	}
}

// maxValueRequests is above the number of requests of any call.
const maxValueRequests = 8

func checkValueAnswerLost(ctx context.Context, t *probe, f *valuesFixture) {
	f.needStore(t)
	for n := 1; n <= maxValueRequests; n++ {
		name := fmt.Sprint("lost ", n)
		other := topic.Stored{}
		old := store(ctx, t, f.values(0), name, "k", `"old"`)
		values, lost := f.Lose(n, func() { other = store(ctx, t, f.values(1), name, "k", `"other"`) })
		s := store(ctx, t, values, name, "k", `"new"`)
		t.that(s.Version > old.Version && s.Version != other.Version, "the version %d follows %d and %d", s.Version, old.Version, other.Version)
		want, version := `"new"`, s.Version
		if other.Version > s.Version {
			want, version = `"other"`, other.Version
		}
		holds(ctx, t, f.values(0), name, "k", want, version)
		t.that(s.BeforeUnknown || string(s.Before) != `"new"`, "Before is the value itself, which was stored twice")
		if !lost() {
			return
		}
	}
	t.failf("StoreValue makes more than %d requests", maxValueRequests)
}

func checkValueLate(ctx context.Context, t *probe, f *valuesFixture) {
	f.needStore(t)
	for n := 1; n <= maxValueRequests; n++ {
		for _, before := range []string{`"old"`, ``, `none`} {
			name := fmt.Sprint("late ", n, before)
			if before != `none` {
				store(ctx, t, f.values(0), name, "k", before)
			}
			values, arrive := f.Late(n)
			s := store(ctx, t, values, name, "k", `"late"`)
			last := store(ctx, t, f.values(1), name, "k", `"last"`)
			t.that(last.Version > s.Version, "the version %d follows %d", last.Version, s.Version)
			arrived := arrive()
			holds(ctx, t, f.values(0), name, "k", `"last"`, last.Version)
			if !arrived {
				return
			}
		}
	}
	t.failf("StoreValue makes more than %d requests", maxValueRequests)
}

func checkCounterAnswerLost(ctx context.Context, t *probe, f *valuesFixture) {
	f.needStore(t)
	for n := 1; n <= maxValueRequests; n++ {
		name := fmt.Sprint("counter ", n)
		_, err := f.values(0).RaiseCounter(ctx, name)
		t.ok(err, "RaiseCounter")
		values, lost := f.Lose(n, nil)
		raised, err := values.RaiseCounter(ctx, name)
		t.ok(err, "RaiseCounter")
		t.that(raised == 2 || lost() && raised == 3, "RaiseCounter after 1 returns %d", raised)
		counters, err := f.values(0).Counters(ctx, []string{name})
		t.ok(err, "Counters")
		t.that(counters[0] == raised, "Counters returns %d after %d", counters[0], raised)
		if !lost() {
			return
		}
	}
	t.failf("RaiseCounter makes more than %d requests", maxValueRequests)
}

// A lost answer may make a caller believe that another has the turn that it has taken itself,
// unless it finds out. Then nobody would push.
func checkTurnAnswerLost(ctx context.Context, t *probe, f *valuesFixture) {
	f.needStore(t)
	for n := 1; n <= maxValueRequests; n++ {
		turn := turnOf(fmt.Sprint("turn ", n))
		values, lost := f.Lose(n, nil)
		taken, err := values.TakeTurn(ctx, turn)
		t.ok(err, "TakeTurn")
		t.that(taken.Mine || taken.Wait > 0, "the answer to request %d was lost; the first to ask is told that another pushes", n)
		if !lost() {
			return
		}
	}
	t.failf("TakeTurn makes more than %d requests", maxValueRequests)
}
