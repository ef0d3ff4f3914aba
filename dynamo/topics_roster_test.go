package dynamo_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/dynamo"
	"github.com/gatesock/gatesock/dynamo/internal/meter"
	"github.com/gatesock/gatesock/internal/dynamotest"
	"github.com/gatesock/gatesock/topic"
	"github.com/gatesock/gatesock/topic/topictest"
)

func TestTopicsRoster(t *testing.T) {
	t.Parallel()
	topictest.RunRoster(t, func(t testing.TB, now func() time.Time) topictest.RosterHarness {
		t.Helper()
		namespace := dynamotest.Namespace(t)
		roster := func(api dynamo.API) topic.Roster {
			return openIn(t, api, namespace, dynamo.WithClock(now)).Topics()
		}
		client := dynamotest.Client(t)
		return topictest.RosterHarness{
			Rosters: []topic.Roster{roster(client), roster(client)},
			Lose:    func() topic.Roster { return roster(&firstLost{API: client}) },
			MaxName: dynamo.MaxNameBytes,
		}
	})
}

func TestTopicsRosterCosts(t *testing.T) {
	t.Parallel()
	m := meter.New(dynamotest.Client(t))
	now := time.Now().Truncate(time.Second)
	ts := openIn(t, m, dynamotest.Namespace(t), stoppedAt(now)).Topics()
	ctx := t.Context()
	row := func(i int) topic.Row {
		return topic.Row{
			ID: fmt.Sprintf("JKwaHcNVoAMCIkg%04d=", i), User: "11111111-1111-1111-1111-111111111111",
			As: []byte(`{"name":"Ann","color":"#aabbcc"}`), ConnectedAt: now, ExpiresAt: now.Add(2 * time.Hour),
		}
	}
	var version int64
	var round topic.Round
	write, read := meter.Units{Write: 1}, meter.Units{Read: 1}
	requirePrices(t, m,
		priced{name: "join", call: func() (err error) { version, err = ts.EnterRow(ctx, "room:1", row(0)); return err }, price: write},
		priced{name: "own row", call: func() error { _, err := ts.GetRow(ctx, "room:1", row(0).ID); return err }, price: read},
		priced{name: "heartbeat", call: func() error { return ts.ExtendRow(ctx, "room:1", row(0).ID, now.Add(time.Hour)) }, price: write},
		priced{name: "members", call: func() error { _, err := ts.ReadRows(ctx, "room:1", 1001); return err }, price: read},
		priced{name: "announcement", call: func() (err error) {
			round, err = ts.BeginRound(ctx, "room:1", topic.RoundStart{At: now, Until: now.Add(time.Second)})
			return err
		}, price: write},
		priced{name: "refused", call: func() error {
			_, err := ts.BeginRound(ctx, "room:1", topic.RoundStart{At: now, Until: now.Add(time.Second)})
			return err
		}, price: write, local: meter.Units{Write: 1}},
		priced{name: "left to the next", call: func() error {
			_, err := ts.DeferToRound(ctx, "room:1", round.Until, topic.Deferral{
				Wait: true, Gone: []topic.Departure{{Ref: "0123456789abcdef", Version: version}},
			})
			return err
		}, price: write},
		priced{name: "number", call: func() error {
			return ts.SettleRound(ctx, "room:1", round.Until, topic.Settlement{Until: now.Add(2 * time.Second), Count: 1234})
		}, price: write},
		priced{name: "leave", call: func() error { return ts.RemoveRow(ctx, "room:1", row(0).ID, version) }, price: write},
	)
	const n = 100
	for i := range n {
		_, err := ts.EnterRow(ctx, "room:1", row(i))
		require.NoError(t, err)
	}
	requirePrices(t, m, priced{
		name: "a hundred members", call: func() error { _, err := ts.ReadRows(ctx, "room:1", 1001); return err },
		price: meter.Units{Read: 4},
	})
}

// firstLost is a table that does not answer the first write, which it carries out.
type firstLost struct {
	dynamo.API
	done bool
}

func (f *firstLost) lose(err error) error {
	if f.done || err != nil {
		return err
	}
	f.done = true
	return errUnanswered
}

func (f *firstLost) PutItem(
	ctx context.Context, in *dynamodb.PutItemInput, opts ...func(*dynamodb.Options),
) (*dynamodb.PutItemOutput, error) {
	out, err := f.API.PutItem(ctx, in, opts...)
	return out, f.lose(err)
}

func (f *firstLost) UpdateItem(
	ctx context.Context, in *dynamodb.UpdateItemInput, opts ...func(*dynamodb.Options),
) (*dynamodb.UpdateItemOutput, error) {
	out, err := f.API.UpdateItem(ctx, in, opts...)
	return out, f.lose(err)
}

func (f *firstLost) DeleteItem(
	ctx context.Context, in *dynamodb.DeleteItemInput, opts ...func(*dynamodb.Options),
) (*dynamodb.DeleteItemOutput, error) {
	out, err := f.API.DeleteItem(ctx, in, opts...)
	return out, f.lose(err)
}
