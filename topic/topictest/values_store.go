package topictest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/gatesock/gatesock/topic"
)

func valueChecks() []promise[*valuesFixture] {
	return []promise[*valuesFixture]{
		{"value-stored", "what is stored is read by every process, with its version and time", checkStored},
		{"value-replaced", "StoreValue returns the data that it has replaced", checkReplaced},
		{"value-versions", "versions of a key grow, whatever the clock says", checkVersions},
		{"value-mark", "the mark of a deleted value expires after a day", checkMark},
		{"value-mark-set", "a value that replaces a mark does not expire", checkMarkSet},
		{"value-mark-returns", "a key that comes back after its mark has expired has a higher version", checkMarkReturns},
		{"value-names", "topics and keys may have any characters, and do not meet", checkValueNames},
		{"value-invalid", "an argument that is not valid is refused with ErrInvalid, and nothing is stored", checkValueInvalid},
		{"value-contexts", "a call whose context has ended fails with the cause", checkValueContexts},
		{"value-race", "of several that store at the same time each has a version of its own, and the highest stays", checkValueRace},
	}
}

func store(ctx context.Context, t *probe, v topic.Values, name, key, data string) topic.Stored {
	var raw json.RawMessage
	if data != "" {
		raw = json.RawMessage(data)
	}
	s, err := v.StoreValue(ctx, name, key, raw)
	t.ok(err, "StoreValue of %q", key)
	t.that(s.Version > 0, "StoreValue of %q returns the version %d", key, s.Version)
	return s
}

// holds ends the check unless a key has a value; "" is a mark.
func holds(ctx context.Context, t *probe, v topic.Values, name, key, data string, version int64) {
	got, err := v.GetValue(ctx, name, key)
	t.ok(err, "GetValue of %q", key)
	t.that(got.Key == key && string(got.Data) == data && got.Version == version && got.Deleted() == (data == ""),
		"GetValue of %.60q returns %+v, want data %q of version %d", key, got, data, version)
}

// lacks ends the check if a key has a value or a mark.
func (f *valuesFixture) lacks(ctx context.Context, t *probe, name, key string) {
	for i := range f.Values {
		got, err := f.values(i).GetValue(ctx, name, key)
		t.ok(err, "GetValue of %q", key)
		t.that(got.Version == 0 && got.Data == nil, "GetValue of %q returns %+v, want nothing", key, got)
		for _, v := range f.all(ctx, t, f.values(i), name, 0) {
			t.that(v.Key != key, "ReadValues has %q, which is gone", key)
		}
	}
}

func checkStored(ctx context.Context, t *probe, f *valuesFixture) {
	f.lacks(ctx, t, "a", "k")
	for i := range 3 {
		data := fmt.Sprintf(`{"n":%d}`, i)
		s := store(ctx, t, f.values(i), "a", "k", data)
		for j := range f.Values {
			holds(ctx, t, f.values(j), "a", "k", data, s.Version)
			list := f.all(ctx, t, f.values(j), "a", 0)
			t.that(len(list) == 1 && list[0].Version == s.Version && string(list[0].Data) == data, "ReadValues returns %+v", list)
			d := f.clock.Now().Sub(list[0].Time)
			t.that(d >= 0 && d < time.Second, "the time of the value is %v, but it was stored at %v", list[0].Time, f.clock.Now())
		}
		f.clock.Advance(time.Minute)
	}
}

func checkReplaced(ctx context.Context, t *probe, f *valuesFixture) {
	before := ""
	for i, data := range []string{`1`, `2`, ``, ``, `{"a":[]}`, `null`, `0`} {
		s := store(ctx, t, f.values(i), "a", "k", data)
		t.that(!s.BeforeUnknown && string(s.Before) == before && (s.Before == nil) == (before == ""),
			"StoreValue number %d returns Before %q, want %q", i, s.Before, before)
		before = data
	}
}

func checkVersions(ctx context.Context, t *probe, f *valuesFixture) {
	last := int64(0)
	for i, step := range []time.Duration{0, 0, time.Second, -time.Minute, -10 * time.Hour, 0, 20 * time.Hour, 0} {
		f.clock.Advance(step)
		data := fmt.Sprint(i)
		if i%3 == 2 {
			data = ""
		}
		s := store(ctx, t, f.values(i), "a", "k", data)
		t.that(s.Version > last, "version %d follows %d", s.Version, last)
		last = s.Version
		holds(ctx, t, f.values(i+1), "a", "k", data, last)
	}
	t.that(last < 1<<53, "the version %d is not below 2^53", last)
}

func checkMark(ctx context.Context, t *probe, f *valuesFixture) {
	store(ctx, t, f.values(0), "a", "k", `1`)
	s := store(ctx, t, f.values(1), "a", "k", ``)
	store(ctx, t, f.values(1), "a", "other", `1`)
	f.clock.Advance(topic.MarkTime - 2*time.Second)
	holds(ctx, t, f.values(0), "a", "k", ``, s.Version)
	list := f.all(ctx, t, f.values(0), "a", 0)
	t.that(len(list) == 2 && list[0].Key == "k" && list[0].Deleted(), "ReadValues returns %+v, want the mark and the value", list)
	f.clock.Advance(3 * time.Second)
	f.lacks(ctx, t, "a", "k")
	t.that(len(f.all(ctx, t, f.values(0), "a", 0)) == 1, "the other value is gone")
}

func checkMarkSet(ctx context.Context, t *probe, f *valuesFixture) {
	store(ctx, t, f.values(0), "a", "k", ``)
	s := store(ctx, t, f.values(1), "a", "k", `1`)
	f.clock.Advance(topic.MarkTime + time.Hour)
	holds(ctx, t, f.values(0), "a", "k", `1`, s.Version)
}

func checkMarkReturns(ctx context.Context, t *probe, f *valuesFixture) {
	var mark topic.Stored
	for i := range 50 {
		mark = store(ctx, t, f.values(i), "a", "k", ``)
	}
	f.clock.Advance(topic.MarkTime + time.Hour)
	f.lacks(ctx, t, "a", "k")
	s := store(ctx, t, f.values(1), "a", "k", `1`)
	t.that(s.Version > mark.Version, "the version %d follows that of the mark, %d", s.Version, mark.Version)
	t.that(s.Before == nil, "Before is %q after a mark has expired", s.Before)
}

func checkValueNames(ctx context.Context, t *probe, f *valuesFixture) {
	names := []string{"a", "a#", "a#b", "b", "#", "\x00", "é", "a\nb", "h", "c", `"`, strings.Repeat("n", 300)}
	for i, name := range names {
		for j, key := range append(names, strings.Repeat("k", topic.MaxKeyBytes)) {
			store(ctx, t, f.values(i), name, key, fmt.Sprintf(`"%d %d"`, i, j))
		}
		n, err := f.values(i).RaiseCounter(ctx, name)
		t.ok(err, "RaiseCounter of %q", name)
		t.that(n == 1, "RaiseCounter of %q returns %d", name, n)
	}
	for i, name := range names {
		list := f.all(ctx, t, f.values(i), name, 0)
		t.that(len(list) == len(names)+1, "topic %q has %d values, want %d", name, len(list), len(names)+1)
		for j, key := range names {
			got, err := f.values(i+1).GetValue(ctx, name, key)
			t.ok(err, "GetValue of %q", key)
			t.that(string(got.Data) == fmt.Sprintf(`"%d %d"`, i, j), "value %q of %q is %q", key, name, got.Data)
		}
	}
}

func checkValueInvalid(ctx context.Context, t *probe, f *valuesFixture) {
	v := f.values(0)
	long := strings.Repeat("k", topic.MaxKeyBytes+1)
	names := []string{"", "\xff"}
	if f.MaxName > 0 {
		names = append(names, strings.Repeat("n", f.MaxName+1))
	}
	kept := topic.KeptFilter{ID: "id", Filter: "{}", Kept: f.clock.Now(), Nonce: "n"}
	turn := topic.Turn{Topic: "a", Filter: "id", Key: "k", Every: time.Second}
	for _, name := range names {
		_, err := v.StoreValue(ctx, name, "k", json.RawMessage(`1`))
		t.invalid(err, "StoreValue in %.20q", name)
		_, err = v.ReplaceValue(ctx, name, "k", 0, json.RawMessage(`1`))
		t.invalid(err, "ReplaceValue in %.20q", name)
		_, err = v.RaiseCounter(ctx, name)
		t.invalid(err, "RaiseCounter of %.20q", name)
		_, err = v.Counters(ctx, []string{"a", name})
		t.invalid(err, "Counters of %.20q", name)
		_, err = v.GetValue(ctx, name, "k")
		t.invalid(err, "GetValue in %.20q", name)
		_, err = v.ReadValues(ctx, topic.ValuesQuery{Topic: name})
		t.invalid(err, "ReadValues of %.20q", name)
		t.invalid(v.KeepFilter(ctx, name, kept), "KeepFilter in %.20q", name)
		t.invalid(v.DropFilter(ctx, name, kept), "DropFilter in %.20q", name)
		_, err = v.ReadFilters(ctx, name)
		t.invalid(err, "ReadFilters of %.20q", name)
		other := turn
		other.Topic = name
		_, err = v.TakeTurn(ctx, other)
		t.invalid(err, "TakeTurn in %.20q", name)
	}
	for _, key := range []string{"", "\xff", long} {
		_, err := v.StoreValue(ctx, "a", key, json.RawMessage(`1`))
		t.invalid(err, "StoreValue of %.20q", key)
		_, err = v.ReplaceValue(ctx, "a", key, 0, json.RawMessage(`1`))
		t.invalid(err, "ReplaceValue of %.20q", key)
		_, err = v.GetValue(ctx, "a", key)
		t.invalid(err, "GetValue of %.20q", key)
		other := turn
		other.Key = key
		_, err = v.TakeTurn(ctx, other)
		t.invalid(err, "TakeTurn of %.20q", key)
	}
	for _, q := range []topic.ValuesQuery{
		{Topic: "a", After: long}, {Topic: "a", After: "\xff"}, {Topic: "a", Limit: -1}, {Topic: "a", Bytes: -1},
	} {
		_, err := v.ReadValues(ctx, q)
		t.invalid(err, "ReadValues with %.40v", q)
	}
	t.invalid(v.KeepFilter(ctx, "a", topic.KeptFilter{}), "KeepFilter of nothing")
	_, err := v.TakeTurn(ctx, topic.Turn{Topic: "a", Filter: "id", Key: "k"})
	t.invalid(err, "TakeTurn without an interval")
	t.that(len(f.all(ctx, t, v, "a", 0)) == 0, "a call that was refused has stored something")
}

func checkValueContexts(ctx context.Context, t *probe, f *valuesFixture) {
	cause := errors.New("the cause")
	ended, cancel := context.WithCancelCause(ctx)
	cancel(cause)
	kept := topic.KeptFilter{ID: "id", Filter: "{}", Kept: f.clock.Now(), Nonce: "n"}
	for i := range f.Values {
		v := f.values(i)
		_, storeErr := v.StoreValue(ended, "a", "k", json.RawMessage(`1`))
		_, replaceErr := v.ReplaceValue(ended, "a", "k", 0, json.RawMessage(`1`))
		_, raiseErr := v.RaiseCounter(ended, "a")
		_, countersErr := v.Counters(ended, []string{"a"})
		_, getErr := v.GetValue(ended, "a", "k")
		_, readErr := v.ReadValues(ended, topic.ValuesQuery{Topic: "a"})
		_, filtersErr := v.ReadFilters(ended, "a")
		_, turnErr := v.TakeTurn(ended, topic.Turn{Topic: "a", Filter: "id", Key: "k", Every: time.Second})
		for j, err := range []error{
			storeErr, replaceErr, raiseErr, countersErr, getErr, readErr, filtersErr, turnErr,
			v.KeepFilter(ended, "a", kept), v.DropFilter(ended, "a", kept),
		} {
			t.that(errors.Is(err, cause), "call %d with a context that has ended returns the error %v", j, err)
		}
	}
	f.lacks(ctx, t, "a", "k")
}

func checkValueRace(ctx context.Context, t *probe, f *valuesFixture) {
	const each = 5
	var (
		all  sync.WaitGroup
		mu   sync.Mutex
		data = make(map[int64]string)
		errs error
	)
	for i := range f.Writers {
		all.Go(func() {
			for j := range each {
				text := fmt.Sprintf(`"%d %d"`, i, j)
				s, err := f.values(i).StoreValue(ctx, "a", "k", json.RawMessage(text))
				mu.Lock()
				errs = errors.Join(errs, err)
				data[s.Version] = text
				mu.Unlock()
			}
		})
	}
	all.Wait()
	t.ok(errs, "StoreValue at the same time")
	t.that(len(data) == each*f.Writers, "%d values have %d versions", each*f.Writers, len(data))
	highest := int64(0)
	for version := range data {
		highest = max(highest, version)
	}
	holds(ctx, t, f.values(0), "a", "k", data[highest], highest)
}
