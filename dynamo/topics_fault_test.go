package dynamo_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go"
	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/dynamo"
	"github.com/gatesock/gatesock/internal/dynamotest"
	"github.com/gatesock/gatesock/internal/testclock"
	"github.com/gatesock/gatesock/topic"
)

// gated asks a function before every write, which may fail it, make it wait, or carry it out
// itself. It checks that each attempt has one signature. A write may arrive after its attempt has
// ended.
type gated struct {
	dynamo.API
	client *dynamodb.Client
	// gate returns false and an error for a write that is not passed on.
	gate func(write func() error) (passed bool, err error)
}

func (g *gated) pass(opts []func(*dynamodb.Options), write func() error) error {
	var o dynamodb.Options
	for _, opt := range opts {
		opt(&o)
	}
	if o.Retryer == nil || o.Retryer.MaxAttempts() != 1 {
		return errors.New("the client would sign an attempt again")
	}
	passed, err := g.gate(write)
	if passed {
		return write()
	}
	return err
}

func (g *gated) PutItem(
	ctx context.Context, in *dynamodb.PutItemInput, opts ...func(*dynamodb.Options),
) (out *dynamodb.PutItemOutput, err error) {
	err = g.pass(opts, func() error {
		out, err = g.client.PutItem(context.WithoutCancel(ctx), in, opts...)
		return err
	})
	return out, err
}

func (g *gated) TransactWriteItems(
	ctx context.Context, in *dynamodb.TransactWriteItemsInput, opts ...func(*dynamodb.Options),
) (out *dynamodb.TransactWriteItemsOutput, err error) {
	err = g.pass(opts, func() error {
		out, err = g.client.TransactWriteItems(context.WithoutCancel(ctx), in, opts...)
		return err
	})
	return out, err
}

// stage is a topic that processes append to.
type stage struct {
	*testing.T
	client    *dynamodb.Client
	namespace string
	clock     *testclock.Clock
}

func newStage(t *testing.T) *stage {
	t.Helper()
	return &stage{t, dynamotest.Client(t), dynamotest.Namespace(t), testclock.New(testclock.Noon())}
}

// process returns a process whose writes go through a gate.
func (s *stage) process(gate func(write func() error) (bool, error)) *dynamo.Topics {
	s.Helper()
	return process(s, &gated{API: s.client, client: s.client, gate: gate}, s.namespace, s.clock)
}

func passing(func() error) (bool, error) { return true, nil }

func (s *stage) append(log *dynamo.Topics, data string) topic.Appended {
	s.Helper()
	a, err := log.Append(s.Context(), "room", spoken(data))
	require.NoError(s, err)
	return a
}

// said returns the data of all events in the room, in order.
func (s *stage) said() (all []string) {
	s.Helper()
	page, err := s.process(passing).Read(s.Context(), topic.Query{Topic: "room", Newest: 1000})
	require.NoError(s, err)
	for i, r := range page.Entries {
		require.Equal(s, page.Entries[0].Offset+int64(i), r.Offset)
		all = append(all, strings.Trim(string(r.Events[0].Data), `"`))
	}
	return all
}

// put writes an item by hand.
func (s *stage) put(partition, sort string, rest map[string]types.AttributeValue) {
	s.Helper()
	it := key("@"+s.namespace+"#"+partition, sort)
	for k, v := range rest {
		it[k] = v
	}
	_, err := s.client.PutItem(s.Context(), &dynamodb.PutItemInput{TableName: aws.String(dynamotest.Table(s)), Item: it})
	require.NoError(s, err)
}

// TestTopicsFreezeBeforeSending has a process that is frozen after it has signed, while others
// append, until its signature is too old.
func TestTopicsFreezeBeforeSending(t *testing.T) {
	t.Parallel()
	expired := &smithy.GenericAPIError{
		Code: "InvalidSignatureException", Message: "Signature expired: 20261127T120000Z is now earlier than 20261127T121500Z",
		Fault: smithy.FaultClient,
	}
	s := newStage(t)
	frozen := false
	log := s.process(func(func() error) (bool, error) {
		if !frozen {
			return true, nil
		}
		frozen = false
		s.clock.Advance(9 * 24 * time.Hour)
		s.append(s.process(passing), "of the next epoch")
		return false, expired
	})
	s.append(log, "first")
	s.append(log, "second")
	frozen = true
	a := s.append(log, "frozen")
	require.Equal(t, int64(2), a.Offset)
	require.Regexp(t, "^2-", a.Epoch)
	require.Equal(t, []string{"of the next epoch", "frozen"}, s.said())

	// One whose clock is wrong is told so, in the end.
	wrong := s.process(func(func() error) (bool, error) { return false, expired })
	_, err := wrong.Append(t.Context(), "room", spoken("never"))
	require.ErrorContains(t, err, "nothing was written: table")
	require.ErrorContains(t, err, "Signature expired")
	require.NotErrorIs(t, err, topic.ErrOutcome)

	// If an attempt is open, nobody knows.
	lost := false
	unsure := s.process(func(func() error) (bool, error) {
		if lost {
			return false, expired
		}
		lost = true
		return false, status(http.StatusInternalServerError)
	})
	_, err = unsure.Append(t.Context(), "room", spoken("never"))
	require.ErrorIs(t, err, topic.ErrOutcome)
	require.Equal(t, []string{"of the next epoch", "frozen"}, s.said())
}

// TestTopicsLateArrival has a first attempt that arrives only after the second, for which another
// entry was in the way or not.
func TestTopicsLateArrival(t *testing.T) {
	t.Parallel()
	for _, rival := range []bool{false, true} {
		s := newStage(t)
		s.append(s.process(passing), "first")
		var late func() error
		log := s.process(func(write func() error) (bool, error) {
			if late == nil {
				late = write
				if rival {
					s.append(s.process(passing), "rival")
				}
				return false, status(http.StatusInternalServerError)
			}
			return true, nil
		})
		s.append(log, "mine")
		refused := (*types.ConditionalCheckFailedException)(nil)
		require.ErrorAs(t, late(), &refused)
		if rival {
			require.Equal(t, []string{"first", "rival", "mine"}, s.said())
		} else {
			require.Equal(t, []string{"first", "mine"}, s.said())
		}
	}
}

// TestTopicsLateRoll has a roll that arrives after the next attempt, or after that of another
// process.
func TestTopicsLateRoll(t *testing.T) {
	t.Parallel()
	for _, rival := range []bool{false, true} {
		for _, quiet := range []bool{false, true} {
			s := newStage(t)
			if quiet {
				s.append(s.process(passing), "old")
				s.clock.Advance(9*24*time.Hour - time.Hour)
			}
			var late func() error
			log := s.process(func(write func() error) (bool, error) {
				if late == nil {
					late = write
					if rival {
						s.append(s.process(passing), "rival")
					}
					return false, status(http.StatusInternalServerError)
				}
				return true, nil
			})
			a := s.append(log, "mine")
			if err := late(); err != nil { // DynamoDB may know the transaction by its token
				canceled := (*types.TransactionCanceledException)(nil)
				require.ErrorAs(t, err, &canceled)
			}
			want := []string{"mine"}
			if rival {
				want = []string{"rival", "mine"}
			}
			require.Equal(t, want, s.said())
			require.Equal(t, int64(len(want)), a.Offset)
		}
	}
}

// TestTopicsStaleHead has a process that knows a head which is far behind.
func TestTopicsStaleHead(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	writes := 0
	a := s.process(func(func() error) (bool, error) {
		writes++
		return true, nil
	})
	b := s.process(passing)
	s.append(a, "0")
	for i := range 20 {
		s.append(b, fmt.Sprint(i+1))
	}
	writes = 0
	require.Equal(t, int64(22), s.append(a, "21").Offset)
	require.Equal(t, 4, writes, "three are refused, then it reads the last entry")
	writes = 0
	s.append(b, "22")
	require.Equal(t, int64(24), s.append(a, "23").Offset)
	require.Equal(t, 1, writes, "after a refusal it reads first")
	require.Len(t, s.said(), 24)
}

// TestTopicsConflict has DynamoDB answer that another transaction is using the item.
func TestTopicsConflict(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.append(s.process(passing), "first")
	conflicts := 0
	log := s.process(func(func() error) (bool, error) {
		if conflicts++; conflicts <= 3 {
			return false, &types.TransactionConflictException{Message: aws.String("Transaction is ongoing for the item")}
		}
		return true, nil
	})
	require.Equal(t, int64(2), s.append(log, "second").Offset)
	conflicts = 0
	e := spoken("third")
	e.Key = "k"
	canceled := s.process(func(func() error) (bool, error) {
		if conflicts++; conflicts <= 3 {
			return false, &types.TransactionCanceledException{CancellationReasons: []types.CancellationReason{
				{Code: aws.String("None")}, {Code: aws.String("TransactionConflict")},
			}}
		}
		return true, nil
	})
	a, err := canceled.Append(t.Context(), "room", e)
	require.NoError(t, err)
	require.Equal(t, int64(3), a.Offset)
}

// TestTopicsWaitForEachOther checks that the goroutines of a process do not refuse each other, and
// that one that waits ends with its context.
func TestTopicsWaitForEachOther(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.append(s.process(passing), "first")
	entered, leave := make(chan struct{}), make(chan struct{})
	log := s.process(func(func() error) (bool, error) {
		entered <- struct{}{}
		<-leave
		return true, nil
	})
	result := make(chan error, 1)
	go func() {
		_, err := log.Append(t.Context(), "room", spoken("second"))
		result <- err
	}()
	<-entered
	ctx, cancel := context.WithCancelCause(t.Context())
	why := errors.New("the client hung up")
	cancel(why)
	_, err := log.Append(ctx, "room", spoken("never"))
	require.ErrorIs(t, err, why)
	close(leave)
	require.NoError(t, <-result)
	require.Equal(t, []string{"first", "second"}, s.said())
}

// TestTopicsHostileItems has items in the table that somebody else has written.
func TestTopicsHostileItems(t *testing.T) {
	t.Parallel()
	number, exp := secondsOf(1), map[string]types.AttributeValue{"exp": secondsOf(1 << 40)}
	for name, c := range map[string]struct {
		put  func(s *stage, epoch string)
		want string
	}{
		"a head without an epoch": {func(s *stage, _ string) { s.put("th#room", "h", nil) }, `sk "h": attribute "e" is ""`},
		"a head that is a number": {func(s *stage, _ string) {
			s.put("th#room", "h", map[string]types.AttributeValue{"e": number})
		}, `attribute "e" is not a string`},
		"an entry without events": {func(s *stage, epoch string) {
			s.put("te#"+epoch+"#room", sortOf(2), exp)
		}, `sk "0000000000000002": the item is not an entry`},
		"an entry with another sort key": {func(s *stage, epoch string) { s.put("te#"+epoch+"#room", "5", exp) }, `its sort key "5" is not an offset`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStage(t)
			epoch := s.append(s.process(passing), "first").Epoch
			c.put(s, epoch)
			_, err := s.process(passing).Append(t.Context(), "room", spoken("second"))
			require.ErrorContains(t, err, c.want)
			_, err = s.process(passing).Read(t.Context(), topic.Query{Topic: "room", Newest: 10})
			require.ErrorContains(t, err, c.want)
		})
	}
	t.Run("what is outside is ignored", func(t *testing.T) {
		t.Parallel()
		s := newStage(t)
		epoch := s.append(s.process(passing), "first").Epoch
		s.put("te#"+epoch+"#room", "x", nil)
		s.put("te#"+epoch+"#room", "!", nil)
		s.put("te#"+epoch+"#room", "0000000000000000", nil)
		s.append(s.process(passing), "second")
		require.Equal(t, []string{"first", "second"}, s.said())
	})
	t.Run("Roll goes on after a malformed entry", func(t *testing.T) {
		t.Parallel()
		s := newStage(t)
		epoch := s.append(s.process(passing), "first").Epoch
		s.put("te#"+epoch+"#room", sortOf(2), nil)
		_, err := s.process(passing).Roll(t.Context(), "room", spoken("rolled"))
		require.NoError(t, err)
		s.append(s.process(passing), "second")
		require.Equal(t, []string{"rolled", "second"}, s.said())
	})
	t.Run("a key without an offset", func(t *testing.T) {
		t.Parallel()
		s := newStage(t)
		epoch := s.append(s.process(passing), "first").Epoch
		s.put("tk#"+epoch+"#room", "k", exp)
		e := spoken("second")
		e.Key = "k"
		_, err := s.process(passing).Append(t.Context(), "room", e)
		require.ErrorContains(t, err, `nothing was written: item with pk "@`)
		require.ErrorContains(t, err, `attribute "o" is absent`)
	})
}

// TestTopicsNamespaces checks that topics of different namespaces are apart, and that the longest
// names fit beside the longest namespace.
func TestTopicsNamespaces(t *testing.T) {
	t.Parallel()
	client := dynamotest.Client(t)
	long := dynamotest.Namespace(t)
	long += strings.Repeat("n", 255-len(long))
	name, clock := strings.Repeat("t", dynamo.MaxNameBytes), testclock.New(testclock.Noon())
	for _, namespace := range []string{dynamotest.Namespace(t), long} {
		log := process(t, client, namespace, clock)
		for range 2 {
			e := spoken("mine")
			e.Key = strings.Repeat("k", dynamo.MaxNameBytes)
			a, err := log.Append(t.Context(), name, e)
			require.NoError(t, err)
			require.Equal(t, int64(1), a.Offset)
		}
		_, err := log.Append(t.Context(), name+"t", spoken("a"))
		require.ErrorIs(t, err, topic.ErrInvalid)
		require.ErrorContains(t, err, "has 1025 bytes, the most is 1024")
		e := spoken("a")
		e.Key = strings.Repeat("k", dynamo.MaxNameBytes+1)
		_, err = log.Append(t.Context(), name, e)
		require.ErrorIs(t, err, topic.ErrInvalid)
		for i := range 400 {
			e.Events = append(e.Events, topic.Event{Name: strings.Repeat("e", 1024), Data: fmt.Append(nil, i)})
		}
		e.Key = ""
		_, err = log.Append(t.Context(), name, e)
		require.ErrorIs(t, err, topic.ErrInvalid)
		require.ErrorContains(t, err, "names included")
	}
}

// TestTopicsCrash has a process that dies before or after each of its requests. Others go on.
func TestTopicsCrash(t *testing.T) {
	t.Parallel()
	for _, after := range []bool{false, true} {
		for _, quiet := range []bool{false, true} {
			for _, key := range []string{"", "k"} {
				s := newStage(t)
				s.append(s.process(passing), "first")
				if quiet {
					s.clock.Advance(9*24*time.Hour - time.Hour)
				}
				ctx, die := context.WithCancel(t.Context())
				log := s.process(func(write func() error) (bool, error) {
					var err error
					if after {
						err = write()
					}
					die()
					return false, errors.Join(err, context.Canceled)
				})
				e := spoken("dying")
				e.Key = key
				_, err := log.Append(ctx, "room", e)
				require.ErrorIs(t, err, topic.ErrOutcome)
				a, err := s.process(passing).Append(t.Context(), "room", topic.Entry{Events: e.Events, Key: key, Keep: e.Keep})
				require.NoError(t, err)
				require.Equal(t, after && key != "", a.Duplicate)
				s.append(s.process(passing), "last")
				want := []string{"first", "dying", "last"}
				if after && key == "" {
					want = []string{"first", "dying", "dying", "last"} // without a key, publishing again publishes again
				}
				if quiet {
					want = want[1:]
				}
				require.Equal(t, want, s.said())
			}
		}
	}
}
