package dynamo_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go"
	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/dynamo"
	"github.com/gatesock/gatesock/dynamo/internal/meter"
	"github.com/gatesock/gatesock/internal/dynamotest"
	"github.com/gatesock/gatesock/internal/testclock"
	"github.com/gatesock/gatesock/ratelimit"
	"github.com/gatesock/gatesock/ratelimit/limittest"
	"github.com/gatesock/gatesock/ratelimit/metering"
)

func TestUsageConformance(t *testing.T) {
	t.Parallel()
	limittest.RunUsage(t, func(t *testing.T) (a, b metering.Store) {
		t.Helper()
		namespace := dynamotest.Namespace(t)
		open := func() metering.Store { return openIn(t, dynamotest.Client(t), namespace).Usage() }
		return open(), open()
	})
}

// picky fails for records by the beginning of their sort key.
type picky struct {
	dynamo.API
	fails, invalid string

	mu       sync.Mutex
	requests int
}

func (p *picky) UpdateItem(
	ctx context.Context, in *dynamodb.UpdateItemInput, opts ...func(*dynamodb.Options),
) (*dynamodb.UpdateItemOutput, error) {
	p.mu.Lock()
	p.requests++
	p.mu.Unlock()
	switch key := in.Key["sk"].(*types.AttributeValueMemberS).Value; {
	case p.fails != "" && strings.HasPrefix(key, p.fails):
		return nil, errors.New("down")
	case p.invalid != "" && strings.HasPrefix(key, p.invalid):
		return nil, &smithy.GenericAPIError{Code: "ValidationException", Message: "too large"}
	}
	return p.API.UpdateItem(ctx, in, opts...)
}

func TestUsage(t *testing.T) {
	t.Parallel()
	m, namespace := meter.New(dynamotest.Client(t)), dynamotest.Namespace(t)
	api := &picky{API: m}
	u := openIn(t, api, namespace).Usage()
	day := testclock.Noon().Add(11 * time.Hour)
	today := day.Format(time.DateOnly)
	var records []metering.Record
	for i := range 40 {
		records = append(records, metering.Record{
			Day: today, Kind: "key", Name: fmt.Sprintf("k%02d#x", i), Connections: 1, Messages: int64(i),
		})
	}
	left, rejected, err := u.Add(t.Context(), records)
	require.NoError(t, err)
	require.Empty(t, left)
	require.Empty(t, rejected)
	bill := m.Take()
	require.Equal(t, meter.Units{Write: 40}, bill.Documented, "a write unit each")
	require.Equal(t, meter.Units{Write: 40}, bill.Answered)

	api.fails = "key#k00#x"
	left, rejected, err = u.Add(t.Context(), records[:2])
	require.ErrorContains(t, err, "down")
	require.Empty(t, rejected)
	require.Equal(t, records[:1], left)
	records[1].Connections, records[1].Messages = 2, 2
	m.Take()
	got, err := u.Day(t.Context(), day)
	require.NoError(t, err)
	require.Equal(t, records, got)
	require.Equal(t, meter.Units{Read: 0.5}, m.Take().Answered)
	got, err = u.Day(t.Context(), day.Add(2*time.Hour))
	require.NoError(t, err)
	require.Empty(t, got)

	before := api.requests
	left, rejected, err = u.Add(t.Context(), []metering.Record{{Day: "today", Kind: "key", Name: "x"}})
	require.ErrorIs(t, err, ratelimit.ErrInvalid)
	require.Empty(t, left)
	require.Len(t, rejected, 1)
	require.Equal(t, before, api.requests, "an invalid record costs no request")
	putRaw(t, namespace, "u#"+today, "odd", nil)
	_, err = u.Day(t.Context(), day)
	require.ErrorContains(t, err, "dynamo: usage of "+today+": ")
	require.ErrorContains(t, err, `attribute "c" is absent`)

	// A count that does not fit is not a smaller one.
	_, err = openIn(t, canned{item: attributes{
		"sk": text("key#x"), "c": numeral("1"), "m": numeral("100000000000000000000"),
	}}, "").Usage().Day(t.Context(), day)
	require.ErrorIs(t, err, ratelimit.ErrInvalid)
	require.ErrorContains(t, err, `attribute "m" is out of range`)
}

// A write that does not answer ends after 3 seconds, and its record is returned for retry.
func TestUsageTimesOut(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		records := []metering.Record{{Day: testclock.Noon().Format(time.DateOnly), Kind: "key", Name: "x", Messages: 1}}
		left, _, err := dynamo.Open(canned{}, "table").Usage().Add(t.Context(), records)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.Equal(t, records, left)
		require.Equal(t, 3*time.Second, time.Since(began))
	})
}

// Records that no time is left for are returned for later, and so is one whose answer is lost: it
// may be counted twice, but is not repeated here.
func TestUsageThatIsNotAdded(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var records []metering.Record
	for i := range 40 {
		records = append(records, metering.Record{
			Day: testclock.Noon().Format(time.DateOnly), Kind: "key", Name: fmt.Sprint(i), Messages: 1,
		})
	}
	left, rejected, err := openIn(t, canned{}, "").Usage().Add(ctx, records)
	require.ErrorIs(t, err, context.Canceled)
	require.Empty(t, rejected)
	require.Equal(t, records, left)

	api := unheardOnce(t)
	left, _, err = openIn(t, api, dynamotest.Namespace(t)).Usage().Add(t.Context(), records[:1])
	require.ErrorContains(t, err, "connection reset by peer")
	require.Equal(t, records[:1], left)
	require.Equal(t, 1, api.writes)
}

// A hundred records that the table never accepts cost a request each, once; the messages after them
// are written as usual.
func TestRecordsThatTheTableRejects(t *testing.T) {
	t.Parallel()
	m, now := meter.New(dynamotest.Client(t)), testclock.Noon()
	api := &picky{API: m, invalid: "sender#bad"}
	store := openIn(t, api, dynamotest.Namespace(t)).Usage()
	u := metering.NewMeter(store, metering.WithClock(func() time.Time { return now }),
		metering.WithFlushTimeout(time.Hour), metering.WithLogger(slog.New(slog.DiscardHandler)))
	by := ratelimit.ByFunc("sender", func(req *gatesock.Request) string { return req.ConnectionID })
	handler := u.Middleware(by)(func(context.Context, *gatesock.Request) (*gatesock.Reply, error) { return nil, nil })
	send := func(from string) {
		_, err := handler(t.Context(), &gatesock.Request{EventType: gatesock.EventMessage, ConnectionID: from})
		require.NoError(t, err)
	}
	for i := range 100 {
		send(fmt.Sprint("bad", i))
	}
	for range 20 {
		send("ann")
	}
	now = now.Add(10 * time.Second)
	send("ann")
	require.EqualValues(t, 100+1, api.requests)
	require.Equal(t, meter.Units{Write: 1}, m.Take().Documented, "one write unit for 21 messages")
	require.EqualValues(t, 100, u.Dropped())
	got, err := store.Day(t.Context(), now)
	require.NoError(t, err)
	require.Equal(
		t,
		[]metering.Record{{Day: now.UTC().Format(time.DateOnly), Kind: "sender", Name: "ann", Messages: 21}},
		got,
	)
}
