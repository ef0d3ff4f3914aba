package topictest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/gatesock/gatesock/topic"
)

func counterChecks() []promise[*valuesFixture] {
	return []promise[*valuesFixture]{
		{"counter", "a counter begins at 0, and grows by 1 each time", checkCounter},
		{"counter-race", "several that raise a counter at the same time get different numbers", checkCounterRace},
	}
}

func checkCounter(ctx context.Context, t *probe, f *valuesFixture) {
	for i := range int64(4) {
		got, err := f.values(0).Counters(ctx, []string{"none", "a", "a", "b"})
		t.ok(err, "Counters")
		t.that(slices.Equal(got, []int64{0, i, i, i / 2}), "Counters returns %v after %d", got, i)
		n, err := f.values(int(i)).RaiseCounter(ctx, "a")
		t.ok(err, "RaiseCounter")
		t.that(n == i+1, "RaiseCounter returns %d after %d", n, i)
		if i%2 == 1 {
			_, err := f.values(1).RaiseCounter(ctx, "b")
			t.ok(err, "RaiseCounter")
		}
	}
	f.clock.Advance(10 * topic.MarkTime)
	names := make([]string, 250)
	for i := range names {
		names[i] = fmt.Sprint(i)
	}
	names[249] = "a"
	got, err := f.values(0).Counters(ctx, names)
	t.ok(err, "Counters of 250 topics")
	t.that(len(got) == 250 && got[249] == 4 && got[0] == 0, "Counters of 250 topics returns %v", got)
	got, err = f.values(0).Counters(ctx, nil)
	t.ok(err, "Counters of no topics")
	t.that(len(got) == 0, "Counters of no topics returns %v", got)
}

func checkCounterRace(ctx context.Context, t *probe, f *valuesFixture) {
	var (
		all  sync.WaitGroup
		mu   sync.Mutex
		seen = make(map[int64]bool)
		errs error
	)
	for i := range f.Writers {
		all.Go(func() {
			n, err := f.values(i).RaiseCounter(ctx, "a")
			mu.Lock()
			defer mu.Unlock()
			errs = errors.Join(errs, err)
			seen[n] = true
		})
	}
	all.Wait()
	t.ok(errs, "RaiseCounter at the same time")
	t.that(len(seen) == f.Writers, "%d calls of RaiseCounter return the numbers %v", f.Writers, slices.Sorted(maps.Keys(seen)))
}

func valuePageChecks() []promise[*valuesFixture] {
	return []promise[*valuesFixture]{
		{"page-order", "pages have all values in the order of their keys, whatever the limit", checkValuePages},
		{"page-bytes", "a page has at most Bytes, but at least one value", checkValueBytes},
		{"page-changing", "what is there all the time is in the pages once, whatever else changes", checkValueChanging},
		{"page-after", "a page begins after any key, also one that is gone", checkValueAfter},
	}
}

func checkValuePages(ctx context.Context, t *probe, f *valuesFixture) {
	var keys []string
	for i := range f.Large {
		keys = append(keys, fmt.Sprintf("%c%d", 'a'+i%26, i))
	}
	keys = append(keys, "é", "\x00", "ÿ", "日本", "Z", "~")
	for i, key := range keys {
		store(ctx, t, f.values(i), "a", key, fmt.Sprintf(`"%s"`, strings.Repeat("x", i%7)))
	}
	slices.Sort(keys)
	for _, limit := range []int{0, 1, 7, f.Large - 1, f.Large * 2} {
		if limit == 1 && f.Large > 1000 {
			continue
		}
		var got []string
		for _, v := range f.all(ctx, t, f.values(limit), "a", limit) {
			got = append(got, v.Key)
		}
		t.that(slices.Equal(got, keys), "with the limit %d the keys are %.300q, want %.300q", limit, got, keys)
	}
	page, err := f.values(0).ReadValues(ctx, topic.ValuesQuery{Topic: "a", Limit: 3})
	t.ok(err, "ReadValues")
	t.that(len(page.Values) <= 3 && page.More, "a page with the limit 3 has %d values, More is %v", len(page.Values), page.More)
}

func checkValueBytes(ctx context.Context, t *probe, f *valuesFixture) {
	data := `"` + strings.Repeat("x", 1000) + `"`
	for i := range 10 {
		store(ctx, t, f.values(i), "a", fmt.Sprint(i), data)
	}
	size := len(data) + 1
	for bytes, want := range map[int]int{1: 1, size: 1, 3 * size: 3, 3*size - 1: 2, 10 * size: 10, 1 << 20: 10} {
		page, err := f.values(bytes).ReadValues(ctx, topic.ValuesQuery{Topic: "a", Bytes: bytes})
		t.ok(err, "ReadValues")
		t.that(len(page.Values) <= want && len(page.Values) >= 1 && (len(page.Values) == 10) == !page.More,
			"a page of %d bytes has %d values of %d bytes, More is %v", bytes, len(page.Values), size, page.More)
	}
}

func checkValueChanging(ctx context.Context, t *probe, f *valuesFixture) {
	for i := range 20 {
		store(ctx, t, f.values(i), "a", fmt.Sprintf("%02d", i), `0`)
	}
	seen := make(map[string]int)
	q := topic.ValuesQuery{Topic: "a", Limit: 3}
	for more := true; more; {
		page, err := f.values(0).ReadValues(ctx, q)
		t.ok(err, "ReadValues")
		for _, v := range page.Values {
			seen[v.Key]++
			q.After = v.Key
		}
		more = page.More
		store(ctx, t, f.values(1), "a", fmt.Sprintf("%02d-new", len(seen)), `1`)
		store(ctx, t, f.values(1), "a", "00", fmt.Sprint(len(seen)))
		store(ctx, t, f.values(1), "a", "19", ``)
	}
	for i := range 20 {
		key := fmt.Sprintf("%02d", i)
		t.that(seen[key] == 1, "%q is in the pages %d times", key, seen[key])
	}
}

func checkValueAfter(ctx context.Context, t *probe, f *valuesFixture) {
	for _, key := range []string{"a", "b", "d"} {
		store(ctx, t, f.values(0), "t", key, `0`)
	}
	for after, want := range map[string]string{"": "a", "a": "b", "b": "d", "c": "d", "\x00": "a", "a\x00": "b"} {
		page, err := f.values(1).ReadValues(ctx, topic.ValuesQuery{Topic: "t", After: after, Limit: 1})
		t.ok(err, "ReadValues after %q", after)
		t.that(len(page.Values) == 1 && page.Values[0].Key == want, "the page after %q is %+v, want %q", after, page, want)
	}
	page, err := f.values(1).ReadValues(ctx, topic.ValuesQuery{Topic: "t", After: "d"})
	t.ok(err, "ReadValues after the last")
	t.that(len(page.Values) == 0 && !page.More, "the page after the last is %+v", page)
}
