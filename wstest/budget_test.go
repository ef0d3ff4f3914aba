package wstest_test

import (
	"context"
	"math"
	"regexp"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/broadcast"
	"github.com/gatesock/gatesock/conn"
	"github.com/gatesock/gatesock/dynamo"
	"github.com/gatesock/gatesock/internal/dynamotwin"
	"github.com/gatesock/gatesock/wstest"
)

// pricedTable is a table in memory that answers what requests cost when it is asked.
type pricedTable struct {
	*dynamotwin.Table

	asked int
}

func (p *pricedTable) capacity(asked types.ReturnConsumedCapacity) *types.ConsumedCapacity {
	if asked != types.ReturnConsumedCapacityTotal {
		return nil
	}
	p.asked++
	units := 1.5
	return &types.ConsumedCapacity{CapacityUnits: &units}
}

func (p *pricedTable) PutItem(
	ctx context.Context, in *dynamodb.PutItemInput, opts ...func(*dynamodb.Options),
) (*dynamodb.PutItemOutput, error) {
	out, err := p.Table.PutItem(ctx, in, opts...)
	if err == nil {
		out.ConsumedCapacity = p.capacity(in.ReturnConsumedCapacity)
	}
	return out, err
}

func (p *pricedTable) UpdateItem(
	ctx context.Context, in *dynamodb.UpdateItemInput, opts ...func(*dynamodb.Options),
) (*dynamodb.UpdateItemOutput, error) {
	out, err := p.Table.UpdateItem(ctx, in, opts...)
	if err == nil {
		out.ConsumedCapacity = p.capacity(in.ReturnConsumedCapacity)
	}
	return out, err
}

func (p *pricedTable) Query(
	ctx context.Context, in *dynamodb.QueryInput, opts ...func(*dynamodb.Options),
) (*dynamodb.QueryOutput, error) {
	out, err := p.Table.Query(ctx, in, opts...)
	if err == nil {
		out.ConsumedCapacity = p.capacity(in.ReturnConsumedCapacity)
	}
	return out, err
}

// newMegaphone returns an application whose clients shout to all.
func newMegaphone(rec *wstest.Recorder, store conn.Store) lambda.Handler {
	r := gatesock.New()
	send := broadcast.New(rec, store)
	r.Use(conn.Track(store, conn.WithEveryone()))
	gatesock.Handle(r, "shout", func(ctx context.Context, _ *gatesock.Request, _ struct{}) error {
		_, err := send.Send(ctx, broadcast.To(conn.Everyone), gatesock.Push{Event: "shout"})
		return err
	})
	gatesock.Handle(r, "ping", func(context.Context, *gatesock.Request, struct{}) error { return nil })
	return r
}

// onPricedTable returns the application on a table, behind a gateway.
func onPricedTable(t testing.TB) (*wstest.Harness, *pricedTable) {
	t.Helper()
	rec, table := wstest.NewRecorder(), &pricedTable{Table: dynamotwin.New()}
	store := dynamo.Open(tableWithScan{table}, "t").Connections()
	return wstest.New(t, newMegaphone(rec, store), wstest.WithPoster(rec)), table
}

// tableWithScan has the method that the twin lacks.
type tableWithScan struct{ *pricedTable }

func (tableWithScan) Scan(
	context.Context, *dynamodb.ScanInput, ...func(*dynamodb.Options),
) (*dynamodb.ScanOutput, error) {
	panic("the application does not scan")
}

func TestAtMost(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		budget wstest.Budget
		want   string // "" if it is kept
	}{
		"enough":         {wstest.Budget{WriteUnits: 3, ReadUnits: 1.5, Posts: 2}, ""},
		"not checked":    {wstest.Budget{Posts: 2}, ""},
		"writes":         {wstest.Budget{WriteUnits: 2.5}, "3 write units, want at most 2.5\n"},
		"reads":          {wstest.Budget{ReadUnits: 1}, "1.5 read units, want at most 1\n"},
		"posts":          {wstest.Budget{Posts: 1}, "2 posts, want at most 1\n"},
		"nothing at all": {wstest.Budget{wstest.None, wstest.None, wstest.None}, "3 write units, want at most 0; 1.5 read units, want at most 0; 2 posts, want at most 0\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			failures := runFake(t, func(t *fakeTB) {
				h, table := onPricedTable(t)
				ann := h.Connect(wstest.WithUser("ann"))
				require.Zero(t, table.asked, "nobody wants to know")
				h.AtMost(c.budget, func() {
					h.Connect()
					ann.Request("shout", nil).ExpectAck()
				})
				asked := table.asked
				ann.Request("shout", nil).ExpectAck()
				require.Equal(t, asked, table.asked, "nobody wants to know any more")
			})
			if c.want == "" {
				require.Empty(t, failures)
				return
			}
			require.Len(t, failures, 1)
			text := regexp.MustCompile(`\([\w-]{15}=\)`).ReplaceAllString(failures[0], "(…)")
			require.Equal(t, "wstest: AtMost: "+c.want+`	PutItem of a connection: 1.5 write units
	UpdateItem of members of a group: 1.5 write units
	Query of members of a group: 1.5 read units
	1 post to ann (…): 29 bytes
	1 post to client 2 (…): 29 bytes`, text)
		})
	}
}

// What stores in memory do costs no units, which is not the same as no cost.
func TestAtMostNeedsAStoreWithUnits(t *testing.T) {
	t.Parallel()
	failures := runFake(t, func(t *fakeTB) {
		rec := wstest.NewRecorder()
		h := wstest.New(t, newMegaphone(rec, conn.NewMemory()), wstest.WithPoster(rec))
		ann := h.Connect()
		h.AtMost(wstest.Budget{Posts: 1}, func() { ann.Request("shout", nil).ExpectAck() })
		h.AtMost(wstest.Budget{WriteUnits: 100}, func() { ann.Request("shout", nil).ExpectAck() })
	})
	require.Len(t, failures, 1)
	require.Contains(t, failures[0], "no request with units has been made since the harness began")
	require.Contains(t, failures[0], "stores in memory have none")
	require.Contains(t, failures[0], "\n\tconn.Read: no units\n")
}

func TestAtMostOfNothing(t *testing.T) {
	t.Parallel()
	h, _ := onPricedTable(t)
	ann := h.Connect()
	h.AtMost(wstest.Budget{wstest.None, wstest.None, wstest.None}, func() { ann.Request("ping", nil).ExpectAck() })
}

// A part of a test that fails ends the counting.
func TestAtMostOfAPartThatFails(t *testing.T) {
	t.Parallel()
	h, table := onPricedTable(t)
	failures := runFake(t, func(t *fakeTB) {
		h.AtMost(wstest.Budget{Posts: 1}, func() { t.Fatalf("no") })
	})
	require.Equal(t, []string{"no"}, failures)
	h.Connect().Request("shout", nil).ExpectAck()
	require.Zero(t, table.asked)
}

// Calls of AtMost may be within one another, and each counts what happens in it.
func TestAtMostWithinAnother(t *testing.T) {
	t.Parallel()
	failures := runFake(t, func(t *fakeTB) {
		h, _ := onPricedTable(t)
		ann := h.Connect()
		h.AtMost(wstest.Budget{Posts: 2}, func() {
			ann.Request("shout", nil).ExpectAck()
			h.AtMost(wstest.Budget{Posts: 1}, func() { ann.Request("shout", nil).ExpectAck() })
			ann.Request("shout", nil).ExpectAck()
		})
	})
	require.Len(t, failures, 1)
	require.Contains(t, failures[0], "3 posts, want at most 2")
}

// Over sockets a post may come after the answer. AtMost waits for it.
func TestAtMostOverSockets(t *testing.T) {
	t.Parallel()
	failures := runFake(t, func(ft *fakeTB) {
		rec := wstest.NewRecorder()
		s := wstest.NewServer(ft, newMegaphone(rec, conn.NewMemory()), wstest.WithPoster(rec))
		ann := s.Dial(ft)
		ann.Send("shout", nil)
		s.AtMost(wstest.Budget{Posts: wstest.None}, func() { ann.ExpectPush("shout", nil) }) // it was sent before
		s.AtMost(wstest.Budget{Posts: 1}, func() { ann.Send("shout", nil) })
		s.AtMost(wstest.Budget{Posts: 1}, func() {
			ann.Send("shout", nil)
			ann.Send("shout", nil)
		})
	})
	require.Len(t, failures, 1)
	require.Contains(t, failures[0], "2 posts, want at most 1")
}

func TestAtMostInABubble(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h, _ := onPricedTable(t)
		ann := h.Connect()
		h.AtMost(wstest.Budget{Posts: 1, ReadUnits: 1.5, WriteUnits: wstest.None}, func() {
			time.Sleep(time.Hour) //nolint:forbidigo // in the bubble
			ann.Request("shout", nil).ExpectAck()
		})
	})
}

func TestMisuseOfAtMost(t *testing.T) {
	t.Parallel()
	h, _ := onPricedTable(t)
	for want, call := range map[string]func(){
		"wstest: AtMost: f must not be nil": func() { h.AtMost(wstest.Budget{Posts: 1}, nil) },
		"wstest: AtMost: the budget checks nothing: None permits nothing, and zero anything": func() {
			h.AtMost(wstest.Budget{}, func() {})
		},
		"wstest: AtMost: Posts is -2; it must not be negative, and None permits nothing": func() {
			h.AtMost(wstest.Budget{Posts: -2}, func() {})
		},
		"wstest: AtMost: ReadUnits is NaN; it must not be negative, and None permits nothing": func() {
			h.AtMost(wstest.Budget{ReadUnits: math.NaN()}, func() {})
		},
	} {
		require.PanicsWithValue(t, want, call)
	}
}
