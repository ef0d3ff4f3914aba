package dynamo_test

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/gatesock/gatesock/broadcast"
	"github.com/gatesock/gatesock/conn"
	"github.com/gatesock/gatesock/dynamo"
	"github.com/gatesock/gatesock/internal/dynamotest"
	"github.com/gatesock/gatesock/internal/dynamotwin"
	"github.com/gatesock/gatesock/topic"
	"github.com/gatesock/gatesock/wstest"
)

// What becomes of an update.
const (
	carriedOut = iota
	notSent    // it is lost on its way
	notHeard   // its answer is lost
	sentLate   // it is carried out when the next update has been
	fates
)

// mute is a table that loses updates and answers, by a list of fates.
type mute struct {
	dynamo.API

	mu    sync.Mutex
	fates []int
	late  []*dynamodb.UpdateItemInput
}

func (l *mute) UpdateItem(
	ctx context.Context, in *dynamodb.UpdateItemInput, opts ...func(*dynamodb.Options),
) (*dynamodb.UpdateItemOutput, error) {
	l.mu.Lock()
	fate, late := carriedOut, l.late
	if l.late = nil; len(l.fates) > 0 {
		fate, l.fates = l.fates[0], l.fates[1:]
	}
	if fate == sentLate {
		l.late = append(l.late, in)
	}
	l.mu.Unlock()
	defer func() {
		for _, in := range late {
			_, _ = l.API.UpdateItem(ctx, in)
		}
	}()
	if fate == notSent || fate == sentLate {
		return nil, &netError{errUnanswered}
	}
	out, err := l.API.UpdateItem(ctx, in, opts...)
	if fate == notHeard {
		return nil, &netError{errUnanswered}
	}
	return out, err
}

// counting is several that add to a number, and others that set another.
type counting struct {
	topics          *topic.Topics
	mu              sync.Mutex
	done, uncertain int
	wrong           error
}

func newCounting(tb testing.TB, api dynamo.API, namespace string) *counting {
	tb.Helper()
	db := openIn(tb, api, namespace)
	store := conn.NewMemory()
	return &counting{topics: topic.New(db.Topics(), store, broadcast.New(wstest.NewRecorder(), store),
		topic.WithStream(), topic.WithState(db.Topics(), func(string) (topic.State, bool) { return topic.State{}, true }))}
}

func increment(last topic.Value) (any, error) {
	if last.Deleted() {
		return 1, nil
	}
	n, err := strconv.Atoi(string(last.Data))
	return n + 1, err
}

func (c *counting) add(times int) {
	for range times {
		_, _, err := c.topics.Update(context.Background(), "t", "k", increment)
		c.mu.Lock()
		switch {
		case err == nil:
			c.done++
		case errors.Is(err, topic.ErrChanged):
			c.wrong = err
		default: // it may have been stored
			c.uncertain++
		}
		c.mu.Unlock()
	}
}

// run lets writers add, and checks that none of their additions was lost or made twice.
func (c *counting) run(t require.TestingT, writers, each int) {
	var all sync.WaitGroup
	for range writers {
		all.Go(func() { c.add(each) })
	}
	all.Wait()
	require.NoError(t, c.wrong)
	v, err := c.topics.LastOf(context.Background(), "t", "k")
	require.NoError(t, err)
	n := 0
	if !v.Deleted() {
		n, err = strconv.Atoi(string(v.Data))
		require.NoError(t, err)
	}
	require.GreaterOrEqual(t, n, c.done)
	require.LessOrEqual(t, n, c.done+c.uncertain)
	require.Equal(t, writers*each, c.done+c.uncertain)
}

// However many update a value at the same time, and whatever answers are lost or late, each change
// counts once.
func TestUpdatesAreNotLost(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		lost := rapid.SliceOfN(rapid.IntRange(0, fates-1), 0, 40).Draw(rt, "fates")
		api := &mute{API: dynamotwin.New(), fates: lost}
		newCounting(t, api, "n").run(rt, rapid.IntRange(1, 6).Draw(rt, "writers"), rapid.IntRange(1, 5).Draw(rt, "each"))
	})
}

// The same with DynamoDB Local.
func TestUpdatesAreNotLostInDynamoDB(t *testing.T) {
	t.Parallel()
	api := &mute{API: dynamotest.Client(t)}
	for i := range 40 {
		api.fates = append(api.fates, []int{carriedOut, notHeard, carriedOut, sentLate, notSent}[i%5])
	}
	newCounting(t, api, dynamotest.Namespace(t)).run(t, 4, 5)
}

// One that is alone knows the outcome of each call, whatever answers are lost.
func TestUpdateKnowsItsOutcome(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		lost := rapid.SliceOfN(rapid.IntRange(0, fates-1), 0, 9).Draw(rt, "fates") // a call makes 10 attempts
		c := newCounting(t, &mute{API: dynamotwin.New(), fates: lost}, "n")
		c.run(rt, 1, 5)
		require.Zero(rt, c.uncertain)
	})
}
