package topictest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/gatesock/gatesock/topic"
)

func replaceChecks() []promise[*valuesFixture] {
	return []promise[*valuesFixture]{
		{"replace", "ReplaceValue stores in place of the version that is stored, and fails with ErrChanged for others", checkReplace},
		{"replace-mark", "the mark of a deleted value is replaced by its version, and by 0 after it has expired", checkReplaceMark},
		{"replace-race", "of several that replace one version at the same time one does", checkReplaceRace},
	}
}

func replaceAnswerChecks() []promise[*valuesFixture] {
	return []promise[*valuesFixture]{
		{"replace-answer-lost", "a value that was replaced without an answer was replaced once, and its call knows", checkReplaceAnswerLost},
		{"replace-overtaken", "a call without an answer whose value was replaced since knows, or does not claim that it has changed nothing", checkReplaceOvertaken},
		{"replace-late", "a request to replace a value that arrives after its call has returned does nothing", checkReplaceLate},
	}
}

// rawOf returns JSON, or nil for an empty text: a mark.
func rawOf(data string) json.RawMessage {
	if data == "" {
		return nil
	}
	return json.RawMessage(data)
}

func replace(
	ctx context.Context, t *probe, v topic.Values, name, key string, version int64, data string,
) topic.Stored {
	s, err := v.ReplaceValue(ctx, name, key, version, rawOf(data))
	t.ok(err, "ReplaceValue of version %d of %q", version, key)
	t.that(s.Version > version, "ReplaceValue of version %d returns version %d", version, s.Version)
	return s
}

// outrun ends the check unless ReplaceValue fails with ErrChanged.
func outrun(ctx context.Context, t *probe, v topic.Values, name, key string, version int64, why string) {
	s, err := v.ReplaceValue(ctx, name, key, version, json.RawMessage(`"no"`))
	t.that(errors.Is(err, topic.ErrChanged) && s.Version == 0,
		"ReplaceValue of version %d, %s, returns %+v and the error %v, want topic.ErrChanged", version, why, s, err)
}

func checkReplace(ctx context.Context, t *probe, f *valuesFixture) {
	outrun(ctx, t, f.values(0), "a", "k", 1, "where nothing is stored")
	outrun(ctx, t, f.values(0), "a", "k", -1, "where nothing is stored")
	f.lacks(ctx, t, "a", "k")
	other := store(ctx, t, f.values(0), "a", "other", `0`)
	var last int64
	before := ""
	for i, step := range []time.Duration{0, 0, -time.Hour, 0, time.Hour, 0} {
		f.clock.Advance(step)
		data := fmt.Sprintf(`{"n":%d}`, i)
		s := replace(ctx, t, f.values(i), "a", "k", last, data)
		t.that(!s.BeforeUnknown && string(s.Before) == before && (s.Before == nil) == (before == ""),
			"ReplaceValue number %d returns Before %q, want %q", i, s.Before, before)
		for _, version := range []int64{0, last, s.Version - 1, s.Version + 1, other.Version} {
			if version != s.Version {
				outrun(ctx, t, f.values(i+1), "a", "k", version, fmt.Sprintf("where %d is stored", s.Version))
			}
		}
		holds(ctx, t, f.values(i+1), "a", "k", data, s.Version)
		last, before = s.Version, data
		if i == 3 { // a store in between counts
			last, before = store(ctx, t, f.values(0), "a", "k", `"set"`).Version, `"set"`
			outrun(ctx, t, f.values(1), "a", "k", s.Version, "which StoreValue has replaced")
			holds(ctx, t, f.values(1), "a", "k", before, last)
		}
	}
	holds(ctx, t, f.values(0), "a", "other", `0`, other.Version)
}

func checkReplaceMark(ctx context.Context, t *probe, f *valuesFixture) {
	first := replace(ctx, t, f.values(0), "a", "k", 0, `1`)
	mark := replace(ctx, t, f.values(1), "a", "k", first.Version, ``)
	holds(ctx, t, f.values(0), "a", "k", ``, mark.Version)
	outrun(ctx, t, f.values(0), "a", "k", 0, "where a mark is stored")
	back := replace(ctx, t, f.values(0), "a", "k", mark.Version, `2`)
	t.that(back.Before == nil && !back.BeforeUnknown, "Before is %q after a mark", back.Before)
	f.clock.Advance(topic.MarkTime + time.Hour)
	holds(ctx, t, f.values(1), "a", "k", `2`, back.Version)
	mark = replace(ctx, t, f.values(1), "a", "k", back.Version, ``)
	f.clock.Advance(topic.MarkTime - 2*time.Second)
	holds(ctx, t, f.values(0), "a", "k", ``, mark.Version)
	f.clock.Advance(time.Hour)
	f.lacks(ctx, t, "a", "k")
	outrun(ctx, t, f.values(0), "a", "k", mark.Version, "which has expired")
	again := replace(ctx, t, f.values(0), "a", "k", 0, `3`)
	t.that(again.Version > mark.Version && again.Before == nil,
		"ReplaceValue after a mark of version %d has expired returns %+v", mark.Version, again)
	holds(ctx, t, f.values(1), "a", "k", `3`, again.Version)
	f.clock.Advance(topic.MarkTime + time.Hour)
	holds(ctx, t, f.values(1), "a", "k", `3`, again.Version)
}

// In each round all have read the same version.
func checkReplaceRace(ctx context.Context, t *probe, f *valuesFixture) {
	const rounds = 4
	var version int64
	for round := range rounds {
		var (
			all  sync.WaitGroup
			mu   sync.Mutex
			won  []topic.Stored
			data string
			errs error
		)
		for i := range f.Writers {
			all.Go(func() {
				text := fmt.Sprintf(`"%d %d"`, round, i)
				s, err := f.values(i).ReplaceValue(ctx, "a", "k", version, json.RawMessage(text))
				mu.Lock()
				defer mu.Unlock()
				if err == nil {
					won, data = append(won, s), text
				} else if !errors.Is(err, topic.ErrChanged) {
					errs = errors.Join(errs, err)
				}
			})
		}
		all.Wait()
		t.ok(errs, "ReplaceValue at the same time")
		t.that(len(won) == 1, "of %d that replace version %d at the same time, %d do: %+v", f.Writers, version, len(won), won)
		version = won[0].Version
		holds(ctx, t, f.values(round), "a", "k", data, version)
	}
}

// beginnings are what a value may replace: nothing, a value or a mark.
func beginnings() []string { return []string{`none`, `"old"`, ``} }

// begin stores what a value replaces, and returns its version.
func begin(ctx context.Context, t *probe, f *valuesFixture, name, data string) int64 {
	if data == `none` {
		return 0
	}
	return store(ctx, t, f.values(0), name, "k", data).Version
}

func checkReplaceAnswerLost(ctx context.Context, t *probe, f *valuesFixture) {
	f.needStore(t)
	for n := 1; n <= maxValueRequests; n++ {
		happened := false
		for _, data := range beginnings() {
			name := fmt.Sprint("replaced ", n, data)
			version := begin(ctx, t, f, name, data)
			values, lost := f.Lose(n, nil)
			s := replace(ctx, t, values, name, "k", version, `"new"`)
			holds(ctx, t, f.values(0), name, "k", `"new"`, s.Version)
			t.that(s.BeforeUnknown || string(s.Before) != `"new"`, "Before is the value itself")
			replace(ctx, t, f.values(1), name, "k", s.Version, `"next"`)
			happened = lost()
		}
		if !happened {
			return
		}
	}
	t.failf("ReplaceValue makes more than %d requests", maxValueRequests)
}

// The values that come after it are stored by StoreValue, ReplaceValue, or both; few and many.
func checkReplaceOvertaken(ctx context.Context, t *probe, f *valuesFixture) {
	f.needStore(t)
	for n := 1; n <= maxValueRequests; n++ {
		happened := false
		for _, data := range beginnings() {
			for _, others := range []string{"s", "r", "rsr", "srsrsrsrsr"} {
				name := fmt.Sprint("overtaken ", n, data, others)
				version := begin(ctx, t, f, name, data)
				var mine, last int64
				values, lost := f.Lose(n, func() { mine, last = overtake(ctx, t, f, name, version, others) })
				s, err := values.ReplaceValue(ctx, name, "k", version, json.RawMessage(`"new"`))
				happened = lost()
				switch {
				case !happened || mine == version: // it was not carried out before the others came
					last = s.Version
				case err == nil:
					t.that(s.Version == mine, "ReplaceValue returns version %d, it was %d", s.Version, mine)
				default:
					t.that(!errors.Is(err, topic.ErrChanged) && len(others) > 1,
						"ReplaceValue returns the error %v, but has stored its value, which %d others have replaced", err, len(others))
				}
				got, err := f.values(0).GetValue(ctx, name, "k")
				t.ok(err, "GetValue")
				t.that(got.Version == last, "the version is %d, want %d: the value was stored twice", got.Version, last)
			}
		}
		if !happened {
			return
		}
	}
	t.failf("ReplaceValue makes more than %d requests", maxValueRequests)
}

// overtake stores values by StoreValue, 's', and ReplaceValue, 'r'. It returns the version before
// and after them.
func overtake(
	ctx context.Context, t *probe, f *valuesFixture, name string, version int64, others string,
) (before, after int64) {
	v, err := f.values(1).GetValue(ctx, name, "k")
	t.ok(err, "GetValue")
	before, after = v.Version, v.Version
	if before == version {
		return before, after
	}
	for _, c := range others {
		if c == 's' {
			after = store(ctx, t, f.values(0), name, "k", `"other"`).Version
		} else {
			after = replace(ctx, t, f.values(1), name, "k", after, `"other"`).Version
		}
	}
	return before, after
}

func checkReplaceLate(ctx context.Context, t *probe, f *valuesFixture) {
	f.needStore(t)
	for n := 1; n <= maxValueRequests; n++ {
		arrived := false
		for _, data := range beginnings() {
			name := fmt.Sprint("replaced late ", n, data)
			version := begin(ctx, t, f, name, data)
			values, arrive := f.Late(n)
			s := replace(ctx, t, values, name, "k", version, `"late"`)
			last := store(ctx, t, f.values(1), name, "k", ``)
			t.that(last.Version > s.Version, "the version %d follows %d", last.Version, s.Version)
			arrived = arrive()
			holds(ctx, t, f.values(0), name, "k", ``, last.Version)
		}
		if !arrived {
			return
		}
	}
	t.failf("ReplaceValue makes more than %d requests", maxValueRequests)
}
