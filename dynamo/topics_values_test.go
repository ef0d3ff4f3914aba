package dynamo_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/dynamo"
	"github.com/gatesock/gatesock/internal/dynamotest"
	"github.com/gatesock/gatesock/topic"
	"github.com/gatesock/gatesock/topic/topictest"
)

func TestValuesConformance(t *testing.T) {
	t.Parallel()
	topictest.RunValues(t, func(tb testing.TB, now func() time.Time) topictest.ValuesHarness {
		tb.Helper()
		client, namespace := dynamotest.Client(tb), dynamotest.Namespace(tb)
		open := func(api dynamo.API) topic.Values { return openIn(tb, api, namespace, dynamo.WithClock(now)).Topics() }
		return topictest.ValuesHarness{
			Values:  []topic.Values{open(client), open(client)},
			MaxName: dynamo.MaxNameBytes,
			Lose: func(n int, meanwhile func()) (topic.Values, func() bool) {
				api := &unanswered{API: client, left: n, meanwhile: meanwhile}
				return open(api), api.happened
			},
			Late: func(n int) (topic.Values, func() bool) {
				api := &unanswered{API: client, left: n, late: true}
				return open(api), api.arrive
			},
		}
	})
}

// unanswered is a table that does not answer one update: the one after so many others. It is
// carried out at once, or late, when arrive is called.
type unanswered struct {
	dynamo.API
	meanwhile func()
	late      bool

	mu   sync.Mutex
	left int
	lost *dynamodb.UpdateItemInput
}

var errUnanswered = errors.New("read tcp: connection reset by peer")

func (u *unanswered) UpdateItem(
	ctx context.Context, in *dynamodb.UpdateItemInput, opts ...func(*dynamodb.Options),
) (*dynamodb.UpdateItemOutput, error) {
	if !u.take(in) {
		return u.API.UpdateItem(ctx, in, opts...)
	}
	if !u.late {
		if _, err := u.API.UpdateItem(ctx, in, opts...); err != nil {
			return nil, err // it was refused, as it would be without an answer
		}
		if u.meanwhile != nil {
			u.meanwhile()
		}
	}
	return nil, &netError{errUnanswered}
}

func (u *unanswered) take(in *dynamodb.UpdateItemInput) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.left--
	if u.left == 0 {
		u.lost = in
	}
	return u.left == 0
}

func (u *unanswered) happened() bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.lost != nil
}

// arrive carries the late update out, whether its condition still holds or not.
func (u *unanswered) arrive() bool {
	if !u.happened() {
		return false
	}
	_, _ = u.API.UpdateItem(context.Background(), u.lost)
	return true
}

// netError is the error of a connection that was cut off.
type netError struct{ error }

func (e *netError) Timeout() bool   { return true }
func (e *netError) Temporary() bool { return true }

// A snapshot of many values reads little that it has no room for.
func TestSnapshotReadsWhatItHasRoomFor(t *testing.T) {
	t.Parallel()
	ts := openIn(t, dynamotest.Client(t), dynamotest.Namespace(t)).Topics()
	for i := range 300 {
		_, err := ts.StoreValue(t.Context(), "a", fmt.Sprintf("%03d", i), []byte(`"0123456789"`))
		require.NoError(t, err)
	}
	page, err := ts.ReadValues(t.Context(), topic.ValuesQuery{Topic: "a", Bytes: 1500})
	require.NoError(t, err)
	require.Len(t, page.Values, 100)
	require.True(t, page.More)
}
