package dynamo_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/conn"
	"github.com/gatesock/gatesock/dynamo"
	"github.com/gatesock/gatesock/internal/dynamotest"
	"github.com/gatesock/gatesock/internal/dynamotwin"
	"github.com/gatesock/gatesock/internal/testclock"
)

const (
	atOnce = 24
	// seedVariable replays the interleaving of one seed.
	seedVariable = "GATESOCK_INTERLEAVING"
)

// world is where interleavings happen: on DynamoDB, or, without a client, on its twin in memory,
// at a small part of the cost. On DynamoDB each request is made of the twin as well, and the two
// must answer alike: so what is found on the one is true of the other.
type world struct {
	client    dynamo.API
	table     string
	namespace string
}

// tables returns the table of an interleaving. No other has items of the same keys.
func (w world) tables() dynamo.API {
	if w.client == nil {
		return dynamotwin.New()
	}
	return dynamotwin.Compare(w.client)
}

// interleaving makes one of a seed, with nothing in it.
func (w world) interleaving(seed uint64, layout dynamo.Sharding) *interleaving {
	clock, api := testclock.New(testclock.Noon()), w.tables()
	r := &interleaving{seed: seed, id: "i" + strconv.FormatUint(seed, 36), clock: clock, met: map[string]int{}}
	store := func(api dynamo.API, layout dynamo.Sharding) *dynamo.Connections {
		s := dynamo.Open(api, w.table, dynamo.WithNamespace(w.namespace), dynamo.WithClock(clock.Now),
			dynamo.WithConcurrency(1), dynamo.WithoutBackoff(),
			dynamo.WithSharding(func(string) dynamo.Sharding { return layout })).Connections()
		return s
	}
	ahead := layout
	if layout.Read > 0 {
		ahead = dynamo.Sharding{Write: layout.Read, Read: layout.Write}
		r.halves = []*dynamo.Connections{
			store(api, dynamo.Sharding{Write: layout.Write}), store(api, dynamo.Sharding{Write: layout.Read}),
		}
	}
	r.store, r.other, r.plain = store(gate{api, r}, layout), store(gate{api, r}, ahead), store(api, layout)
	return r
}

// random makes, plays and checks the interleaving of a seed.
func (w world) random(ctx context.Context, seed uint64) (*interleaving, error) {
	rng := rand.New(rand.NewPCG(seed, 3))
	layouts := []dynamo.Sharding{{}, {}, {}, {Write: 4, Read: 1}}
	r := w.interleaving(seed, layouts[rng.IntN(len(layouts))])
	r.plan(rng)
	if err := r.setUp(ctx, rng); err != nil {
		return r, err
	}
	// A call that is at its first write is left there for a while, now and then: those that write the
	// record first and the row last are where it becomes difficult.
	var slow *actor
	if rng.IntN(2) == 0 {
		slow = r.actors[rng.IntN(len(r.actors))]
	}
	defer func() {
		if slices.ContainsFunc(r.actors, func(a *actor) bool { return a.dead }) {
			r.count("a death")
		}
	}()
	r.play(ctx, func(ready []*actor) int {
		i := rng.IntN(len(ready))
		if slow != nil && ready[i] == slow && slow.requests == 1 && len(ready) > 1 && rng.IntN(8) > 0 {
			i = (i + 1) % len(ready)
		}
		return i
	})
	return r, r.check(ctx, rng)
}

// check looks at what remains, and whether it goes away if it should.
func (r *interleaving) check(ctx context.Context, rng *rand.Rand) error {
	if err := r.look(ctx); err != nil {
		return err
	}
	if !r.explained(r.start, r.events(), nil) {
		return errors.New("no order of the calls explains the answers and what remains")
	}
	disagree := r.disagreement()
	if disagree == 0 {
		return r.lookBehind(ctx)
	}
	if r.seen.listed&disagree != 0 {
		r.count("remains: row without record")
	}
	if r.seen.groups&disagree != 0 {
		r.count("remains: record without row")
	}
	switch cure := rng.IntN(3); {
	case cure == 0 && r.puts() < 2: // else the record may have low versions
		return r.repeat(ctx)
	case cure == 1:
		return r.prune(ctx, disagree)
	default:
		return r.expire(ctx, disagree)
	}
}

// puts returns how often a record was put.
func (r *interleaving) puts() (n int) {
	for _, a := range r.actors {
		if a.call.kind == putCall {
			n += a.changes
		}
	}
	return n
}

// lookBehind looks at each half of a group that is in two layouts. A tombstone in the other half
// may hide a row of a connection that is not a member, but only if a call was cut off.
func (r *interleaving) lookBehind(ctx context.Context) error {
	if r.puts() > 1 || slices.ContainsFunc(r.actors, func(a *actor) bool { return a.unsure() || a.lost != "" }) {
		return nil
	}
	for _, half := range r.halves {
		for i := range maxGroups {
			if r.seen.listed.has(i) {
				continue
			}
			listed, err := r.lists(ctx, half, i)
			if err != nil {
				return err
			}
			if listed {
				return fmt.Errorf("a row of group %b is hidden behind a mark", 1<<i)
			}
		}
	}
	return nil
}

func (r *interleaving) look(ctx context.Context) error {
	r.seen = seen{}
	c, err := r.plain.Get(ctx, r.id)
	if r.seen.there = err == nil; r.seen.there {
		found := r.decode(c)
		r.seen.by, r.seen.groups, r.seen.set = found.by, found.groups, found.set
	} else if !errors.Is(err, conn.ErrNotFound) {
		return err
	}
	for i := range maxGroups {
		listed, err := r.lists(ctx, r.plain, i)
		if err != nil {
			return err
		}
		if listed {
			r.seen.listed |= 1 << i
		}
	}
	return nil
}

// lists reports whether a group lists the connection; a group that no call named has no need to be
// read.
func (r *interleaving) lists(ctx context.Context, store *dynamo.Connections, i int) (bool, error) {
	if i > 0 && !slices.ContainsFunc(r.actors, func(a *actor) bool { return a.call.groups.has(i) }) {
		return false, nil
	}
	for m, err := range conn.Members(ctx, store, r.group(1<<i)) {
		if err != nil || m.ID != r.id {
			return false, fmt.Errorf("read %q: %w", m.ID, err)
		}
		return true, nil
	}
	return false, nil
}

// disagreement returns the groups whose rows differ from the record.
func (r *interleaving) disagreement() groupSet {
	if !r.seen.there {
		return r.seen.listed
	}
	return r.seen.groups ^ r.seen.listed
}

// repeat makes the calls again that were cut off. Record and rows agree then; what a Put or a
// Delete left, a Leave ends.
func (r *interleaving) repeat(ctx context.Context) error {
	for _, a := range r.actors {
		if !a.unsure() && a.lost == "" {
			continue
		}
		again := []call{a.call}
		if a.call.kind == setCall {
			again = nil // it leaves nothing half done
		}
		if a.call.kind == putCall || a.call.kind == deleteCall {
			again = []call{{leaveCall, 1}, {leaveCall, 2}}
		}
		for _, c := range again {
			err := error(nil)
			switch c.kind {
			case joinCall:
				err = r.plain.Join(ctx, r.id, r.group(c.groups))
			case extendCall:
				_, err = r.plain.Extend(ctx, r.id, r.extended())
			default:
				err = r.plain.Leave(ctx, r.id, r.group(c.groups))
			}
			if err != nil && !errors.Is(err, conn.ErrNotFound) {
				return err
			}
		}
	}
	r.count("repeated")
	if err := r.look(ctx); err != nil {
		return err
	}
	if left := r.disagreement(); left != 0 {
		return fmt.Errorf("the calls have been repeated, and group %b of the record is not as its rows are", left)
	}
	return nil
}

// prune does what a broadcast does that finds the connection gone: it deletes it, and leaves the
// group if it was deleted before. One that comes later does the rest.
func (r *interleaving) prune(ctx context.Context, groups groupSet) error {
	r.count("pruned")
	for i := range maxGroups {
		for range 2 {
			_, err := r.plain.Delete(ctx, r.id)
			if errors.Is(err, conn.ErrNotFound) {
				err = r.plain.Leave(ctx, r.id, r.group(1<<i))
			}
			if err != nil {
				return err
			}
		}
	}
	return r.empty(ctx, groups)
}

// expire waits until all that was written has expired.
func (r *interleaving) expire(ctx context.Context, groups groupSet) error {
	r.count("expired")
	r.clock.Advance(lifetime + jump)
	return r.empty(ctx, groups)
}

func (r *interleaving) empty(ctx context.Context, groups groupSet) error {
	for i := range maxGroups {
		if !groups.has(i) {
			continue
		}
		listed, err := r.lists(ctx, r.plain, i)
		if err != nil {
			return err
		}
		if listed {
			return fmt.Errorf("group %b lists the connection for ever", 1<<i)
		}
	}
	return nil
}

func (r *interleaving) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s=%d\nat first: there %v, groups %b\n", seedVariable, r.seed, r.start.there, r.start.names())
	for _, line := range r.trace {
		fmt.Fprintln(&b, "  ", line)
	}
	for _, a := range r.actors {
		fmt.Fprintf(&b, "%d %v returned from %d to %d: %v, %d, %b, %d\n", a.number, a.call, a.began, a.ended, a.answer.err, a.answer.by, a.answer.groups, a.answer.set)
	}
	fmt.Fprintf(&b, "at the end: there %v, put by %d, groups %b, set by %d; listed in %b", r.seen.there, r.seen.by, r.seen.groups, r.seen.set, r.seen.listed)
	return b.String()
}

// mustMeet are the things that interleavings have to come across: the test would not see what it
// does not meet.
func mustMeet() []string {
	return []string{
		// Every call is refused by the record, and every write of a row by a later one.
		"Put: put record refused", "Put: put row refused", "Join: enter refused", "Join: put row refused",
		"Leave: exit refused", "Leave: exit: was none", "Delete: delete record refused", "SetAttributes: set refused",
		"Extend: extend refused",
		// Every way in which the row of a membership is extended, or written in the place of one that is
		// not there.
		"Extend: extend row", "Extend: extend row refused", "Extend: enter", "Extend: enter refused", "Extend: put row", "Extend: put row refused",
		// Every way in which a membership is buried.
		"Leave: delete row", "Leave: delete row refused", "Leave: put row as mark", "Leave: put row as mark refused", "Leave: guard row",
		"Delete: delete row", "Delete: delete row refused", "Delete: put row as mark", "Delete: guard row",
		// Every way in which a row is found that no record stands behind.
		"Leave: look at row: none, then returns", "Leave: look at row: there as mark, then returns",
		"Leave: look at row: there, then exit: was member", "Leave: look at row: there, then exit: was none",
		"Leave: look at row: there, then exit refused",
		// A death between any two writes, before and after the first and the last.
		"Put: dies", "Put: put record, dies", "Put: put row, dies", "Join: dies", "Join: enter, dies", "Join: put row, dies",
		"Leave: dies", "Leave: exit: was member, dies", "Leave: delete row, dies", "Leave: put row as mark, dies",
		"SetAttributes: dies", "SetAttributes: set, dies",
		"Extend: dies", "Extend: extend, dies", "Extend: extend row, dies", "Extend: enter, dies", "Extend: put row, dies",
		"Delete: dies", "Delete: delete record, dies", "Delete: delete row, dies", "Delete: put row as mark, dies",
		// An answer that is lost, of each request.
		"lost: put record", "lost: enter", "lost: exit: was member", "lost: delete record", "lost: set", "lost: extend", "lost: extend row", "lost: put row", "lost: delete row",
		"lost: put row as mark", "Join: look at record: there", "Join: look at record: none",
		// What they leave, and how it goes.
		"remains: row without record", "remains: record without row", "repeated", "pruned", "expired",
		"a death", "the clock jumps during a call",
	}
}

// TestInterleavings replays a seed on DynamoDB.
func TestInterleavings(t *testing.T) {
	t.Parallel()
	w := world{dynamotest.Client(t), dynamotest.Table(t), dynamotest.Namespace(t)}
	if seed, ok := os.LookupEnv(seedVariable); ok {
		n, err := strconv.ParseUint(seed, 10, 64)
		require.NoError(t, err)
		r, err := w.random(t.Context(), n)
		t.Log(r)
		require.NoError(t, err)
		return
	}
	t.Run("DynamoDB", func(t *testing.T) {
		t.Parallel()
		w.plays(t, 60)
	})
	t.Run("twin", func(t *testing.T) {
		t.Parallel()
		w.inMemory().plays(t, 300)
	})
}

// inMemory returns a world on the twin of the table.
func (w world) inMemory() world { return world{table: w.table, namespace: w.namespace} }

// plays plays interleavings, and returns what they met.
func (w world) plays(t *testing.T, n int) map[string]int {
	t.Helper()
	began := time.Now()
	met, failed := w.many(t.Context(), dynamotest.Seed(t), n)
	t.Logf("%d interleavings in %v", n, time.Since(began).Round(time.Second))
	require.NoError(t, failed)
	report(t, met)
	return met
}

func report(t *testing.T, met map[string]int) {
	t.Helper()
	lines := make([]string, 0, len(met))
	for what, n := range met {
		lines = append(lines, fmt.Sprintf("%7d  %s", n, what))
	}
	slices.Sort(lines)
	t.Log("met:\n" + strings.Join(lines, "\n"))
}

// many runs interleavings, several at a time, from a seed. It returns what they met, and the first
// that failed.
func (w world) many(ctx context.Context, base uint64, n int) (map[string]int, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	seeds := make(chan uint64)
	var (
		mu   sync.Mutex
		met  = map[string]int{}
		runs sync.WaitGroup
	)
	for range atOnce {
		runs.Go(func() {
			for seed := range seeds {
				r, err := w.random(ctx, seed)
				if err != nil {
					cancel(fmt.Errorf("%w\n%v", err, r))
				}
				mu.Lock()
				for what, n := range r.met {
					met[what] += n
				}
				mu.Unlock()
			}
		})
	}
	for i := range n {
		if ctx.Err() != nil {
			break
		}
		seeds <- base + uint64(i)
	}
	close(seeds)
	runs.Wait()
	return met, context.Cause(ctx)
}
