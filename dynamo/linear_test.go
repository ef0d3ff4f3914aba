package dynamo_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/conn"
	"github.com/gatesock/gatesock/dynamo"
	"github.com/gatesock/gatesock/internal/dynamotest"
	"github.com/gatesock/gatesock/internal/testclock"
)

const (
	linearWorkers = 4
	linearCalls   = 3 // of each worker in each step of the re-sharding: porcupine's time grows fast with them
	// linearVariable replays the plan of a history; what runs at the same time is up to the machine.
	linearVariable = "GATESOCK_HISTORY"
)

// historian makes a history: a connection that is registered once, calls at the same time by
// instances of a fleet whose group goes from 1 part to 4, and answers that are lost.
type historian struct {
	id      string
	api     dynamo.API
	table   string
	prefix  string
	fleet   [][]dynamo.Sharding // layouts that instances have at the same time, step by step
	clock   *testclock.Clock
	tick    atomic.Int64
	mu      sync.Mutex
	history []porcupine.Operation
}

func resharding4() [][]dynamo.Sharding {
	return [][]dynamo.Sharding{
		{{Write: 1}, {Write: 1, Read: 4}},
		{{Write: 1, Read: 4}, {Write: 4, Read: 1}},
		{{Write: 4, Read: 1}},
	}
}

// losses are the answers that a call did not get.
type losses struct {
	rng   *rand.Rand
	calls int
}

type lossesKey struct{}

// lossy loses one answer of six, of the calls that are told to.
type lossy struct{ dynamo.API }

func (l lossy) UpdateItem(
	ctx context.Context, in *dynamodb.UpdateItemInput, opts ...func(*dynamodb.Options)) (*dynamodb.UpdateItemOutput, error,
) {
	out, err := l.API.UpdateItem(ctx, in, opts...)
	return out, losing(ctx, err)
}

func (l lossy) DeleteItem(
	ctx context.Context, in *dynamodb.DeleteItemInput, opts ...func(*dynamodb.Options)) (*dynamodb.DeleteItemOutput, error,
) {
	out, err := l.API.DeleteItem(ctx, in, opts...)
	return out, losing(ctx, err)
}

func losing(ctx context.Context, err error) error {
	l, ok := ctx.Value(lossesKey{}).(*losses)
	if ok && err == nil && l.rng.IntN(6) == 0 {
		l.calls++
		return status(http.StatusInternalServerError)
	}
	return err
}

func (h *historian) store(layout dynamo.Sharding) *dynamo.Connections {
	s := dynamo.Open(h.api, h.table, dynamo.WithNamespace(h.prefix), dynamo.WithClock(h.clock.Now),
		dynamo.WithConcurrency(1), dynamo.WithoutBackoff(),
		dynamo.WithSharding(func(string) dynamo.Sharding { return layout })).Connections()
	return s
}

// record makes the history of a seed.
func (h *historian) record(ctx context.Context, seed uint64) error {
	if err := h.call(ctx, 0, h.store(h.fleet[0][0]), linearIn{kind: linearPut}, nil); err != nil {
		return err
	}
	for step, layouts := range h.fleet {
		var workers sync.WaitGroup
		errs := make([]error, linearWorkers)
		for w := range linearWorkers {
			rng := rand.New(rand.NewPCG(seed, uint64(10*step+w)))
			store := h.store(layouts[w%len(layouts)])
			workers.Go(func() {
				for n := range linearCalls {
					in := linearIn{kind: randomKind(rng), value: fmt.Sprint(step, ".", w, ".", n)}
					if err := h.call(ctx, w, store, in, &losses{rng: rng}); err != nil {
						errs[w] = err
						return
					}
				}
			})
		}
		workers.Wait()
		if err := errors.Join(append(errs, h.quiet(ctx, seed, step))...); err != nil {
			return err
		}
	}
	return nil
}

// quiet makes one call while there are no others, so that it is certain what comes next, and has
// the instances of the next step read.
func (h *historian) quiet(ctx context.Context, seed uint64, step int) error {
	last := h.fleet[step][len(h.fleet[step])-1]
	kinds := []linearKind{linearJoin, linearJoin, linearLeave}
	err := h.call(ctx, 0, h.store(last), linearIn{kind: kinds[(seed+uint64(step))%3]}, nil)
	for _, layout := range h.fleet[min(step+1, len(h.fleet)-1)] {
		err = errors.Join(err,
			h.call(ctx, 0, h.store(layout), linearIn{kind: linearRead}, nil),
			h.call(ctx, 0, h.store(layout), linearIn{kind: linearGet}, nil))
	}
	return err
}

// randomKind deletes rarely: nothing can be seen of a connection that is gone.
func randomKind(rng *rand.Rand) linearKind {
	if rng.IntN(25) == 0 {
		return linearDelete
	}
	kinds := []linearKind{
		linearJoin, linearJoin, linearLeave, linearLeave, linearSet, linearExtend,
		linearGet, linearRead, linearRead, linearRead,
	}
	return kinds[rng.IntN(len(kinds))]
}

// call makes a call and notes it, with its ghosts.
func (h *historian) call(ctx context.Context, worker int, s *dynamo.Connections, in linearIn, l *losses) error {
	if l != nil {
		ctx = context.WithValue(ctx, lossesKey{}, l)
	}
	op := porcupine.Operation{ClientId: worker, Input: in, Call: h.tick.Add(1)}
	out, err := h.make(ctx, s, in)
	lost := l != nil && l.calls > 0
	if lost && err != nil && in.kind == linearDelete {
		out, err = linearOut{unsure: true}, nil
	}
	op.Output, op.Return = out, h.tick.Add(1)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.history = append(h.history, op)
	if !lost {
		return err
	}
	for range min(l.calls, 2) { // more are as good as two
		in.ghost = true
		op.Input, op.Output = in, linearOut{found: true}
		h.history = append(h.history, op)
		if in.kind == linearJoin { // a row that comes back after a leave is taken away again by the join itself
			op.Input = linearIn{kind: linearLeave, ghost: true}
			h.history = append(h.history, op)
		}
	}
	return err
}

// make makes a call. Its error is one that no call may return.
func (h *historian) make(ctx context.Context, s *dynamo.Connections, in linearIn) (linearOut, error) {
	var c conn.Conn
	var err error
	switch in.kind {
	case linearPut:
		err = s.Put(ctx, conn.Conn{ID: h.id})
	case linearJoin:
		err = s.Join(ctx, h.id, h.id)
	case linearLeave:
		err = s.Leave(ctx, h.id, h.id)
	case linearSet:
		c, err = s.SetAttributes(ctx, h.id, map[string]string{"k": in.value})
	case linearDelete:
		c, err = s.Delete(ctx, h.id)
	case linearExtend:
		c, err = s.Extend(ctx, h.id, h.clock.Now().Add(conn.DefaultTTL+time.Duration(h.tick.Load())*time.Second))
	case linearGet:
		c, err = s.Get(ctx, h.id)
	case linearRead:
		listed := false
		for _, err := range conn.Members(ctx, s, h.id) {
			if err != nil {
				return linearOut{}, err
			}
			listed = true
		}
		return linearOut{found: true, member: listed}, nil
	}
	if errors.Is(err, conn.ErrNotFound) {
		return linearOut{}, nil
	}
	return linearOut{found: err == nil, member: slices.Contains(c.Groups, h.id), value: c.Attributes["k"]}, err
}

func (h *historian) String() string {
	var b strings.Builder
	slices.SortStableFunc(h.history, func(a, b porcupine.Operation) int { return int(a.Call - b.Call) })
	for _, op := range h.history {
		fmt.Fprintf(&b, "%3d-%3d worker %d: %+v: %+v\n", op.Call, op.Return, op.ClientId, op.Input, op.Output)
	}
	return b.String()
}

// checkHistory records the history of a seed and checks it.
func checkHistory(
	ctx context.Context, api dynamo.API, table, namespace string, fleet [][]dynamo.Sharding, seed uint64,
) error {
	h := &historian{
		id: "h" + strconv.FormatUint(seed, 36), api: lossy{api},
		table: table, prefix: namespace, fleet: fleet, clock: testclock.New(testclock.Noon()),
	}
	if err := h.record(ctx, seed); err != nil {
		return fmt.Errorf("%s=%d: %w\n%v", linearVariable, seed, err, h)
	}
	if !linearizable(h.history) {
		return fmt.Errorf("%s=%d: %w\n%v", linearVariable, seed, errNotLinear, h)
	}
	return nil
}

var errNotLinear = errors.New("no order of the calls explains what they returned")

func TestHistoriesAreLinearizable(t *testing.T) {
	t.Parallel()
	if seed, ok := os.LookupEnv(linearVariable); ok {
		n, err := strconv.ParseUint(seed, 10, 64)
		require.NoError(t, err)
		client, table, namespace := dynamotest.Client(t), dynamotest.Table(t), dynamotest.Namespace(t)
		require.NoError(t, checkHistory(t.Context(), client, table, namespace, resharding4(), n))
		return
	}
	checkHistories(t, 12)
}

// checkHistories checks so many histories, four at a time.
func checkHistories(t *testing.T, n int) {
	t.Helper()
	client, table, namespace := dynamotest.Client(t), dynamotest.Table(t), dynamotest.Namespace(t)
	base := dynamotest.Seed(t)
	errs := make([]error, 4)
	var all sync.WaitGroup
	for w := range errs {
		all.Go(func() {
			for i := w; i < n && errs[w] == nil; i += len(errs) {
				errs[w] = checkHistory(t.Context(), client, table, namespace, resharding4(), base+uint64(i))
			}
		})
	}
	all.Wait()
	require.NoError(t, errors.Join(errs...))
}
