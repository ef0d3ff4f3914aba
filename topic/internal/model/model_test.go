//go:build !race

// A search is one goroutine, where the race detector has nothing to find and makes it eight times
// as slow.

package model

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// isLong reports whether to run the searches that take minutes and gigabytes too:
//
//	GATESOCK_TEST_MODEL=long go test ./topic/internal/model -timeout 1h
//
// CI runs the others, which take about 10 seconds of CPU.
func isLong() bool { return os.Getenv("GATESOCK_TEST_MODEL") == "long" }

// exploration is a run of a model. One without broken rules visits all states, and their number is
// checked so that a change of the model is noticed. One with broken rules ends when all were found.
type exploration struct {
	name   string
	long   bool // not run by default, and not in CI
	run    func(limit int, wanted ...string) result
	states int // all of them; with a limit as many
	limit  int // 0 if the run is exhaustive
	broken []string
}

// test is not parallel to others of its model: a search of a million states takes about 400 MB.
func (e exploration) test(t *testing.T) {
	if e.long && !isLong() {
		t.Skip("run with GATESOCK_TEST_MODEL=long")
	}
	limit := 30_000_000
	if e.limit > 0 {
		limit = e.limit
	}
	r := e.run(limit, e.broken...)
	t.Log(r)
	for rule, story := range r.stories {
		t.Logf("%s:\n\t%s", rule, strings.Join(story, "\n\t"))
	}
	require.Equal(t, e.broken, r.broken())
	if e.broken == nil {
		require.Equal(t, e.states, r.states)
		require.Equal(t, e.limit > 0, r.limited)
	}
}

// The rules of the draft, of the draft with a nonce, and of the design.
func draft() logRules {
	return logRules{life: [2]uint8{4, 4}, events: [2]uint8{1, 1}, end: 6}
}

func draftWithNonce() logRules {
	o := draft()
	o.nonce = true
	return o
}

func design(first uint8) logRules {
	o := draftWithNonce()
	o.zone, o.rising, o.zoneTicks, o.end, o.first = true, true, 2, 8, first
	return o
}

// changed returns rules with a change.
func changed[R any](rules R, change func(*R)) R {
	change(&rules)
	return rules
}

// TestLog runs the model of the log. Its runs in CI are those that are not long.
func TestLog(t *testing.T) {
	t.Parallel()
	lives := func(a, b, first uint8) logRules {
		return changed(design(first), func(o *logRules) { o.life = [2]uint8{a, b} })
	}
	runs := []struct {
		exploration
		rules logRules
	}{
		{exploration{name: "draft", broken: []string{endedEpoch, storedTwice, offsetTwice}}, draft()},
		{exploration{name: "draft with a nonce", broken: []string{endedEpoch, offsetTwice}}, draftWithNonce()},
		{exploration{name: "design, new topic", states: 956_242}, design(0)},
		{exploration{name: "design, one entry", long: true, states: 2_226_663}, design(4)},
		{exploration{name: "design, lives differ", long: true, states: 1_375_813}, lives(6, 4, 6)},
		{
			exploration{name: "design, crashes", long: true, states: 1_982_392},
			changed(lives(6, 3, 0), func(o *logRules) { o.crashes = true }),
		},
		{
			exploration{name: "design, three events, bounded", long: true, states: 9_000_000, limit: 9_000_000},
			changed(design(4), func(o *logRules) { o.events, o.end = [2]uint8{2, 1}, 6 }),
		},
		{
			exploration{name: "no seal", broken: []string{endedEpoch}},
			changed(design(4), func(o *logRules) { o.noSeal = true }),
		},
		{
			exploration{name: "a zone of the life of a signature", broken: []string{endedEpoch}},
			changed(design(4), func(o *logRules) { o.zoneTicks = 1 }),
		},
		{
			exploration{name: "expiry that does not rise", broken: []string{offsetTwice}},
			changed(lives(6, 4, 8), func(o *logRules) { o.rising = false }),
		},
		{exploration{name: "a life that is too short", broken: []string{storedTwice}}, lives(6, 3, 6)},
		{
			exploration{name: "no nonce", broken: []string{storedTwice}},
			changed(design(0), func(o *logRules) { o.nonce = false }),
		},
	}
	for _, r := range runs {
		r.run = func(limit int, wanted ...string) result { return run(r.rules.system(), limit, wanted...) }
		t.Run(r.name, r.test)
	}
}

// whole has readings that are one moment, and all rules that make a difference then.
func whole() barrierRules {
	return barrierRules{events: [2]uint8{2, 1}, joinsFirst: true, atomicReads: true, keepsPushes: true}
}

// byEntry reads entry by entry, with reconnects.
func byEntry() barrierRules {
	return changed(whole(), func(o *barrierRules) { o.atomicReads, o.reconnects = false, 1 })
}

// leaving also unsubscribes.
func leaving(change func(*barrierRules)) barrierRules {
	o := byEntry()
	o.readsHoles, o.unsubscribing, o.patient = true, 1, true
	return changed(o, change)
}

func faults(o *barrierRules) { o.losses, o.crashes, o.prunes = 1, 1, 1 }

// TestBarrier runs the model of subscribing and delivery.
func TestBarrier(t *testing.T) {
	t.Parallel()
	runs := []struct {
		exploration
		rules barrierRules
	}{
		{
			exploration{name: "keeps no pushes", broken: []string{undelivered}},
			changed(whole(), func(o *barrierRules) { o.keepsPushes = false }),
		},
		{exploration{name: "keeps pushes", states: 1783}, whole()},
		{
			exploration{name: "reads and then joins", broken: []string{undelivered}},
			changed(whole(), func(o *barrierRules) { o.joinsFirst = false }),
		},
		{
			exploration{name: "trusts readings with holes", broken: []string{skipped}},
			changed(byEntry(), func(o *barrierRules) { o.trusting = true }),
		},
		{
			exploration{name: "reads holes again", states: 176_725},
			changed(byEntry(), func(o *barrierRules) { o.trusting, o.readsHoles = true, true }),
		},
		{exploration{name: "heals holes", states: 143_767}, byEntry()},
		{
			exploration{name: "does not wait for unsubscribe", broken: []string{noMember, undelivered}},
			leaving(func(o *barrierRules) { o.patient = false }),
		},
		{exploration{name: "waits for unsubscribe", long: true, states: 1_385_695}, leaving(func(*barrierRules) {})},
		{exploration{name: "sync without members", broken: []string{noMember}}, leaving(faults)},
		{
			exploration{name: "sync with members", long: true, states: 15_292_694},
			leaving(func(o *barrierRules) { faults(o); o.syncsMembers = true }),
		},
		{
			exploration{name: "everything", long: true, states: 5_155_871},
			changed(whole(), func(o *barrierRules) {
				o.atomicReads, o.reconnects, o.readsHoles, o.unsubscribing, o.patient = false, 1, true, 1, true
				o.losses, o.crashes, o.syncsMembers = 1, 1, true
			}),
		},
		{
			exploration{name: "everything, two events", states: 808_758},
			leaving(func(o *barrierRules) { faults(o); o.syncsMembers, o.events = true, [2]uint8{1, 1} }),
		},
	}
	for _, r := range runs {
		r.run = func(limit int, wanted ...string) result { return run(r.rules.system(), limit, wanted...) }
		t.Run(r.name, r.test)
	}
}
