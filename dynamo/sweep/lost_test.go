package sweep_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	smithyhttp "github.com/aws/smithy-go/transport/http"
	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/dynamo"
	"github.com/gatesock/gatesock/dynamo/sweep"
)

// deafTable loses the answer to one request, which it carries out.
type deafTable struct {
	*fakeTable
	mu        sync.Mutex
	countdown int // 0: no answer is lost
	lost      string
}

// losing returns an answer, or a fault in its place.
func losing[Out any](d *deafTable, operation string, out *Out, err error) (*Out, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.countdown--; d.countdown == 0 {
		d.lost = operation
		return nil, &smithyhttp.RequestSendError{Err: errors.New("connection reset by peer")}
	}
	return out, err
}

func (d *deafTable) UpdateItem(
	ctx context.Context, in *dynamodb.UpdateItemInput, opts ...func(*dynamodb.Options)) (*dynamodb.UpdateItemOutput, error,
) {
	out, err := d.fakeTable.UpdateItem(ctx, in, opts...)
	return losing(d, "UpdateItem", out, err)
}

func (d *deafTable) DeleteItem(
	ctx context.Context, in *dynamodb.DeleteItemInput, opts ...func(*dynamodb.Options)) (*dynamodb.DeleteItemOutput, error,
) {
	out, err := d.fakeTable.DeleteItem(ctx, in, opts...)
	return losing(d, "DeleteItem", out, err)
}

func (d *deafTable) Scan(
	ctx context.Context, in *dynamodb.ScanInput, opts ...func(*dynamodb.Options)) (*dynamodb.ScanOutput, error,
) {
	out, err := d.fakeTable.Scan(ctx, in, opts...)
	return losing(d, "Scan", out, err)
}

// The answer to some request is lost, for each of them. The sweep completes its pass: only a
// removal may then count as failed, although the record is gone.
func TestSweepCompletesWhicheverAnswerIsLost(t *testing.T) {
	t.Parallel()
	for k, lost := 1, "something"; lost != ""; k++ {
		synctest.Test(t, func(t *testing.T) {
			w := newSweepWorld(t)
			want := w.mixed()
			deaf := &deafTable{fakeTable: w.table, countdown: k}
			w.db = dynamo.Open(deaf, "table")
			rep, err := w.sweeper(smallSteps()...).Sweep(t.Context())
			lost = deaf.lost
			require.NoError(t, err)
			require.True(t, rep.Done)
			if lost == "DeleteItem" && rep.Pass.Failed == 1 {
				want.Gone, want.Failed = want.Gone-1, 1
			}
			require.Equal(t, want, rep.Pass.Counts)
			for _, key := range w.table.under("c#gone") {
				t.Errorf("%s is still registered", key)
			}
		})
	}
}

// panicky panics the first time that it closes a connection.
type panicky map[string]bool

func (p panicky) Disconnect(_ context.Context, to gatesock.Target) error {
	if !p[to.ConnectionID] {
		p[to.ConnectionID] = true
		panic("cannot close " + to.ConnectionID)
	}
	return nil
}

// A closer that panics at each connection that is gone stops one sweep each time. It keeps neither
// the others from being settled, nor its own from a later pass.
func TestSweepOutlivesACloserThatPanics(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newSweepWorld(t)
		want := w.mixed()
		options := append(smallSteps(), sweep.WithProbeConcurrency(1), sweep.WithCloser(make(panicky)))
		for range want.Gone {
			require.Panics(t, func() { _, _ = w.sweeper(options...).Sweep(t.Context()) })
		}
		rep, err := w.sweeper(options...).Sweep(t.Context())
		require.NoError(t, err)
		require.True(t, rep.Done)
		require.Equal(t, want.Scanned, rep.Pass.Scanned)
		require.Zero(t, rep.Pass.Gone, "they count as unknown")
		rep, err = w.sweeper(options...).Sweep(t.Context())
		require.NoError(t, err)
		require.Equal(t, want.Gone, rep.Pass.Gone)
		require.Empty(t, w.table.under("c#gone"))
	})
}
