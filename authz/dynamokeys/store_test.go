package dynamokeys_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/authz/apikey"
	"github.com/gatesock/gatesock/authz/apikey/apikeytest"
	"github.com/gatesock/gatesock/authz/dynamokeys"
	"github.com/gatesock/gatesock/internal/dynamotest"
)

func TestMain(m *testing.M) { dynamotest.Main(m) }

func newStore(t *testing.T, api dynamokeys.API) *dynamokeys.Store {
	t.Helper()
	s, err := dynamokeys.New(api, dynamotest.Table(t), dynamokeys.WithNamespace(dynamotest.Namespace(t)))
	require.NoError(t, err)
	return s
}

func TestConformance(t *testing.T) {
	t.Parallel()
	apikeytest.Run(t, func(t *testing.T) apikey.Store { return newStore(t, dynamotest.Client(t)) })
}

// meter adds up what requests cost.
type meter struct {
	dynamokeys.API

	units   float64
	queries int
}

func (m *meter) add(c *types.ConsumedCapacity) {
	if c != nil {
		m.units += *c.CapacityUnits
	}
}

func (m *meter) GetItem(ctx context.Context, in *dynamodb.GetItemInput, o ...func(*dynamodb.Options)) (*dynamodb.GetItemOutput, error) {
	in.ReturnConsumedCapacity = types.ReturnConsumedCapacityTotal
	out, err := m.API.GetItem(ctx, in, o...)
	if err == nil {
		m.add(out.ConsumedCapacity)
	}
	return out, err
}

func (m *meter) PutItem(ctx context.Context, in *dynamodb.PutItemInput, o ...func(*dynamodb.Options)) (*dynamodb.PutItemOutput, error) {
	in.ReturnConsumedCapacity = types.ReturnConsumedCapacityTotal
	out, err := m.API.PutItem(ctx, in, o...)
	if err == nil {
		m.add(out.ConsumedCapacity)
	}
	return out, err
}

func (m *meter) UpdateItem(ctx context.Context, in *dynamodb.UpdateItemInput, o ...func(*dynamodb.Options)) (*dynamodb.UpdateItemOutput, error) {
	in.ReturnConsumedCapacity = types.ReturnConsumedCapacityTotal
	out, err := m.API.UpdateItem(ctx, in, o...)
	if err == nil {
		m.add(out.ConsumedCapacity)
	}
	return out, err
}

func (m *meter) DeleteItem(ctx context.Context, in *dynamodb.DeleteItemInput, o ...func(*dynamodb.Options)) (*dynamodb.DeleteItemOutput, error) {
	in.ReturnConsumedCapacity = types.ReturnConsumedCapacityTotal
	out, err := m.API.DeleteItem(ctx, in, o...)
	if err == nil {
		m.add(out.ConsumedCapacity)
	}
	return out, err
}

func (m *meter) Query(ctx context.Context, in *dynamodb.QueryInput, o ...func(*dynamodb.Options)) (*dynamodb.QueryOutput, error) {
	m.queries++
	in.ReturnConsumedCapacity = types.ReturnConsumedCapacityTotal
	out, err := m.API.Query(ctx, in, o...)
	if err == nil {
		m.add(out.ConsumedCapacity)
	}
	return out, err
}

func TestCosts(t *testing.T) {
	t.Parallel()
	m := &meter{API: dynamotest.Client(t)}
	s := newStore(t, m)
	now := time.Now().UTC().Truncate(time.Millisecond)
	k := apikey.Key{ID: "a", Owner: "o", Name: strings.Repeat("n", 200), Hash: strings.Repeat("h", 64), PreviousHash: strings.Repeat("o", 64), CreatedAt: now, Version: 1}
	changed := k
	changed.Version = 2
	for _, c := range []struct {
		name  string
		call  func() error
		units float64
	}{
		{"create", func() error { return s.Create(t.Context(), k) }, 1},
		{"get", func() error { _, err := s.Get(t.Context(), "a"); return err }, 1},
		{"update", func() error { return s.Update(t.Context(), changed) }, 1},
		{"used", func() error { return s.TouchLastUsed(t.Context(), "a", now, now.Add(-time.Hour)) }, 1},
		// On AWS a read of nothing costs a unit, too: 15 more (Amazon DynamoDB Developer Guide, "Read operations"). DynamoDB
		// Local counts none.
		{"list", func() error { _, _, err := s.List(t.Context(), "", 0); return err }, 1},
		{"delete", func() error { return s.Delete(t.Context(), "a") }, 1},
	} {
		m.units = 0
		require.NoError(t, c.call(), c.name)
		require.InDelta(t, c.units, m.units, 1e-9, c.name)
	}
	require.Equal(t, 16, m.queries)
}

// foreign gives items that this package has not made, or fails.
type foreign struct {
	dynamokeys.API

	item map[string]types.AttributeValue
	err  error
}

func (f foreign) GetItem(context.Context, *dynamodb.GetItemInput, ...func(*dynamodb.Options)) (*dynamodb.GetItemOutput, error) {
	return &dynamodb.GetItemOutput{Item: f.item}, f.err
}

func (f foreign) Query(context.Context, *dynamodb.QueryInput, ...func(*dynamodb.Options)) (*dynamodb.QueryOutput, error) {
	return &dynamodb.QueryOutput{Items: []map[string]types.AttributeValue{f.item}}, f.err
}

func (f foreign) DeleteItem(context.Context, *dynamodb.DeleteItemInput, ...func(*dynamodb.Options)) (*dynamodb.DeleteItemOutput, error) {
	return nil, f.err
}

func TestForeignItems(t *testing.T) {
	t.Parallel()
	text := func(s string) types.AttributeValue { return &types.AttributeValueMemberS{Value: s} }
	one := types.AttributeValue(&types.AttributeValueMemberN{Value: "1"})
	for says, f := range map[string]foreign{
		"no attribute d": {item: map[string]types.AttributeValue{"pk": text("x")}},
		"attribute d:":   {item: map[string]types.AttributeValue{"d": text("{")}},
		"no number v":    {item: map[string]types.AttributeValue{"d": text("{}"), "v": text("1")}},
		"number v":       {item: map[string]types.AttributeValue{"d": text("{}"), "v": &types.AttributeValueMemberN{Value: "1e99"}}},
		"no number u":    {item: map[string]types.AttributeValue{"d": text("{}"), "v": one, "u": text("x")}},
		"down":           {err: errors.New("down")},
	} {
		s := newStore(t, f)
		_, err := s.Get(t.Context(), "a")
		require.ErrorContains(t, err, says)
		require.NotErrorIs(t, err, apikey.ErrNotFound)
		_, _, err = s.List(t.Context(), "", 1)
		require.ErrorContains(t, err, says)
	}
	require.ErrorContains(t, newStore(t, foreign{err: errors.New("down")}).Delete(t.Context(), "a"), "down")
}

func TestBadCursors(t *testing.T) {
	t.Parallel()
	s := newStore(t, dynamotest.Client(t))
	for _, cursor := range []string{"x", "/", "g/", "10/a", "-1/a", "0", "0/\xff", "0/" + strings.Repeat("x", 2000)} {
		_, _, err := s.List(t.Context(), cursor, 1)
		require.ErrorIs(t, err, dynamokeys.ErrBadCursor, cursor)
		require.Less(t, len(err.Error()), 200)
	}
	_, next, err := s.List(t.Context(), "f/zzz", 1)
	require.NoError(t, err)
	require.Empty(t, next)
}

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	for _, o := range []dynamokeys.Option{
		dynamokeys.WithNamespace("a#b"), dynamokeys.WithNamespace("\xff"), dynamokeys.WithNamespace(strings.Repeat("x", 256)),
	} {
		_, err := dynamokeys.New(foreign{}, "t", o)
		require.Error(t, err)
	}
	_, err := dynamokeys.New(foreign{}, "")
	require.ErrorContains(t, err, "name is empty")
	require.Panics(t, func() { _, _ = dynamokeys.New(nil, "t") })
}
