package dynamo_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/conn"
	"github.com/gatesock/gatesock/dynamo"
	"github.com/gatesock/gatesock/internal/dynamotest"
)

// Malformed items in the place of a membership do not affect others, and every call ends.
func TestForeignMemberships(t *testing.T) {
	t.Parallel()
	number := func(s string) types.AttributeValue { return &types.AttributeValueMemberN{Value: s} }
	future := number("4102444800")
	for name, attributes := range map[string]map[string]types.AttributeValue{
		"nothing":            {},
		"no version":         {"exp": future},
		"a text for version": {"exp": future, "v": text("x")},
		"a fraction":         {"exp": future, "v": number("0.5")},
		"no expiry":          {"v": number("2")},
		"a text for expiry":  {"exp": text("x"), "v": number("2")},
		"a number for ep":    {"exp": future, "v": number("2"), "ep": number("1")},
		"later, no expiry":   {"v": number("1e18")},
		"later, expired":     {"exp": number("1"), "v": number("1e18")},
		"huge":               {"exp": number("1e100"), "v": number("1e-100")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx := t.Context()
			ns := dynamotest.Namespace(t)
			store := dynamo.Open(dynamotest.Client(t), dynamotest.Table(t), dynamo.WithNamespace(ns)).Connections()
			spoil := func(id string) {
				it := map[string]types.AttributeValue{"pk": text("@" + ns + "#g#g#0"), "sk": text(id)}
				for k, v := range attributes {
					it[k] = v
				}
				in := &dynamodb.PutItemInput{TableName: aws.String(dynamotest.Table(t)), Item: it}
				_, err := dynamotest.Client(t).PutItem(ctx, in)
				require.NoError(t, err)
			}
			require.NoError(t, store.Put(ctx, conn.Conn{ID: "a", Groups: []string{"g"}}))
			require.NoError(t, store.Put(ctx, conn.Conn{ID: "b", Groups: []string{"g"}}))
			spoil("a")
			spoil("foreign")
			page, err := store.Read(ctx, conn.Query{Group: "g"})
			require.NoError(t, err)
			require.Equal(t, []conn.Member{{ID: "b"}}, page.Members)

			require.NoError(t, store.Leave(ctx, "foreign", "g"))
			require.NoError(t, store.Join(ctx, "a", "g"))
			page, err = store.Read(ctx, conn.Query{Group: "g"})
			require.NoError(t, err)
			require.Equal(t, []conn.Member{{ID: "a"}, {ID: "b"}}, page.Members)

			spoil("a")
			_, err = store.Delete(ctx, "a")
			require.NoError(t, err)
			page, err = store.Read(ctx, conn.Query{Group: "g"})
			require.NoError(t, err)
			require.Equal(t, []conn.Member{{ID: "b"}}, page.Members)
		})
	}
}

// spoiled refuses, from some call on, to update.
type spoiled struct {
	dynamo.API
	fail func() error
}

func (s *spoiled) UpdateItem(
	context.Context, *dynamodb.UpdateItemInput, ...func(*dynamodb.Options)) (*dynamodb.UpdateItemOutput, error,
) {
	return nil, s.fail()
}

func (s *spoiled) PutItem(
	context.Context, *dynamodb.PutItemInput, ...func(*dynamodb.Options)) (*dynamodb.PutItemOutput, error,
) {
	return &dynamodb.PutItemOutput{}, nil
}

func TestPutOfManyGroupsFailsInFewWords(t *testing.T) {
	t.Parallel()
	denied := errors.New("denied")
	store := dynamo.Open(&spoiled{fail: func() error { return denied }}, "table").Connections()
	err := store.Put(t.Context(), conn.Conn{ID: "a", Groups: names(500, 5)})
	require.ErrorIs(t, err, denied)
	require.ErrorContains(t, err, "(and 499 more)")
	require.Less(t, len(err.Error()), 400)
}

func TestPutOfManyGroupsEndsWithTheContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancelCause(t.Context())
	why := errors.New("enough")
	calls := 0
	store := dynamo.Open(&spoiled{fail: func() error {
		calls++
		cancel(why)
		return why
	}}, "table", dynamo.WithConcurrency(1)).Connections()
	err := store.Put(ctx, conn.Conn{ID: "a", Groups: names(500, 5)})
	require.ErrorIs(t, err, why)
	require.Equal(t, 1, calls)
}

// A panic of the application's function reaches the goroutine that called, where it can be
// recovered.
func TestPanicsReachTheCaller(t *testing.T) {
	t.Parallel()
	store := dynamo.Open(&spoiled{fail: func() error { panic("no") }}, "table").Connections()
	for n := 1; n <= 3; n++ {
		func() {
			defer func() { require.Contains(t, fmt.Sprint(recover()), "no", "%d groups", n) }()
			_ = store.Put(t.Context(), conn.Conn{ID: "a", Groups: names(n, 5)})
			t.Error("no panic")
		}()
	}
}

func TestOpenPanics(t *testing.T) {
	t.Parallel()
	for name, namespace := range map[string]string{"a '#'": "a#b", "not UTF-8": "a\xff", "too long": names(1, 256)[0]} {
		require.ErrorContains(t, dynamo.ValidateNamespace(namespace), "contains '#' or is not UTF-8", name)
		require.Panics(t, func() { dynamo.WithNamespace(namespace) }, name)
	}
	require.NoError(t, dynamo.ValidateNamespace(""))
	require.PanicsWithValue(t, "dynamo: Open: client must not be nil", func() { dynamo.Open(nil, "table") })
	require.PanicsWithValue(t, "dynamo: Open: the table name must not be empty", func() { dynamo.Open(&failing{}, "") })
	require.Panics(t, func() { dynamo.WithClock(nil) })
	require.Panics(t, func() { dynamo.WithConcurrency(0) })
	require.Panics(t, func() { dynamo.WithPageSize(0) })
	require.Panics(t, func() { dynamo.WithSharding(nil) })
	require.Panics(t, func() { dynamo.WithEnded(nil) })
}

// The client of most tests cannot create a table.
func TestCreateTableWantsAClientThatCan(t *testing.T) {
	t.Parallel()
	require.ErrorContains(t, dynamo.Open(&failing{}, "chat").CreateTable(t.Context()), `create table "chat": the client, a *dynamo_test.failing`)
}
